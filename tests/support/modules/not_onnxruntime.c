/* not_onnxruntime.c: a library that can be loaded and is not ONNX Runtime, for tests. */
__attribute__((visibility("default"))) int not_onnxruntime(void);

int not_onnxruntime(void)
{
    return 1;
}
