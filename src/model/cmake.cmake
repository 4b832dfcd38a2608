# Kernels carry the flags of their instruction set; which one runs is decided at run time by CPUID. They are optimised
# in every build, because a tile of sums that is not kept in registers is ten times slower; the contraction of a x b + c
# is off because a text's vector must not depend on what the compiler fuses in one tile and not in another.
set(heddle_kernel_flags -O3 -ffp-contract=off)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    list(APPEND heddle_kernel_flags -fno-ivopts) # gcc 12 turns 14 addresses of rows into 14 counters, half of them in memory
endif()
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/model/encoder/kernel_scalar.c
    PROPERTIES COMPILE_OPTIONS "${heddle_kernel_flags}")
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/model/encoder/kernel_neon_fp32.c
    PROPERTIES COMPILE_OPTIONS "${heddle_kernel_flags}") # NEON is in every arm64
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/model/encoder/kernel_avx2_fp32.c
        PROPERTIES COMPILE_OPTIONS "${heddle_kernel_flags};-mavx2;-mfma")
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/model/encoder/kernel_avx512_fp32.c
        PROPERTIES COMPILE_OPTIONS "${heddle_kernel_flags};-mavx512f;-mavx512dq;-mfma")
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/model/encoder/kernel_avx512_bf16.c
        PROPERTIES COMPILE_OPTIONS "${heddle_kernel_flags};-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mavx512bf16;-mfma")
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/model/encoder/kernel_avx512_int8.c
        PROPERTIES COMPILE_OPTIONS "${heddle_kernel_flags};-mavx512f;-mavx512dq;-mavx512bw;-mavx512vl;-mavx512bf16;-mavx512vnni;-mfma")
    set(heddle_amx_vector_flags -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/model/encoder/kernel_amx_bf16.c
        PROPERTIES COMPILE_OPTIONS
        "${heddle_kernel_flags};${heddle_amx_vector_flags};-mavx512bf16;-mamx-tile;-mamx-bf16;-mxsave")
    # The same kernel over a model of its tile instructions, for CPUs that have none: a part of the tests. The model's loops
    # go without sanitizers, or they would run for minutes: gcc 12 leaves some in where a function says so.
    set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/unit/model/test_kernel_amx.c
        ${PROJECT_SOURCE_DIR}/tests/unit/model/test_kernel_amx_texts.c
        PROPERTIES COMPILE_OPTIONS "${heddle_kernel_flags};${heddle_amx_vector_flags};-fno-sanitize=undefined;-fno-sanitize-address-use-after-scope")
endif()
