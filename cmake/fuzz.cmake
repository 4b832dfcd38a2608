# libFuzzer targets come here.
