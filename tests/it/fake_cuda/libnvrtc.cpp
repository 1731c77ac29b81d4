// A compiler of kernels that hands its options and their source on as an image, for tests without NVRTC. Each compilation adds a line to the file
// that FAKE_NVRTC_LOG names; with FAKE_NVRTC_FAIL none succeeds.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

struct Program {
    std::string name, source, image, log;
};

extern "C" {

int nvrtcVersion(int* major, int* minor) {
    *major = 13;
    *minor = 0;
    return 0;
}

int nvrtcGetNumSupportedArchs(int* n) {
    *n = 3;
    return 0;
}

int nvrtcGetSupportedArchs(int* all) {
    all[0] = 75;
    all[1] = 80;
    all[2] = 90;
    return 0;
}

const char* nvrtcGetErrorString(int) { return "NVRTC_ERROR"; }

int nvrtcCreateProgram(Program** out, const char* source, const char* name, int, const char* const*, const char* const*) {
    *out = new Program{name ? name : "", source, "", ""};
    return 0;
}

int nvrtcDestroyProgram(Program** program) {
    delete *program;
    return 0;
}

int nvrtcCompileProgram(Program* program, int n_options, const char* const* options) {
    bool is_for_sm_90 = false;
    for (int i = 0; i < n_options; i++) is_for_sm_90 |= !std::strcmp(options[i], "--gpu-architecture=sm_90");
    if (std::getenv("FAKE_NVRTC_FAIL") || !is_for_sm_90) {
        program->log = program->name + "(7): error: expected a `;`";
        return 6;
    }
    if (const char* path = std::getenv("FAKE_NVRTC_LOG")) {
        if (FILE* file = std::fopen(path, "a")) {
            std::fprintf(file, "%s\n", program->name.c_str());
            std::fclose(file);
        }
    }
    program->image = "\x7f" "ELF";
    for (int i = 0; i < n_options; i++) program->image += std::string(options[i]) + "\n";
    program->image += program->source;
    return 0;
}

int nvrtcGetProgramLogSize(Program* program, size_t* n) {
    *n = program->log.size() + 1;
    return 0;
}

int nvrtcGetProgramLog(Program* program, char* to) {
    std::memcpy(to, program->log.c_str(), program->log.size() + 1);
    return 0;
}

// With the 0 at its end, which is all that a loader knows of its length.
int nvrtcGetCUBINSize(Program* program, size_t* n) {
    *n = program->image.size() + 1;
    return 0;
}

int nvrtcGetCUBIN(Program* program, char* to) {
    std::memcpy(to, program->image.c_str(), program->image.size() + 1);
    return 0;
}

}  // extern "C"
