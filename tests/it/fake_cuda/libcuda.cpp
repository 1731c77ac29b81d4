// A CUDA driver that runs the kernels on the processor, for tests of what calls it.
//
// It is as unkind as a driver may be: what is enqueued on a stream is done when it is waited for, and no sooner, so that a host
// that touches memory too early, or a stream that another one should wait for, gives wrong results. With FAKE_CUDA_EAGER the
// second of three streams does at once what it is told, so that waits in the other direction are missed. Memory is full of NaN, has
// guards on both sides, and is copied to and from the host through pinned memory alone. FAKE_CUDA_FAIL=name:n lets the nth call of
// a function fail, and all that follow. With FAKE_CUDA_DEAF=n no stream waits for another one from the nth wait on, but in what is
// captured. The file that FAKE_CUDA_LOG names gets a line for each copy and each graph, in the order in which they are asked for.

#include "../../../formal/src/backend/cuda/emulator/emulator.cpp"

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

typedef int Status;
enum : Status {
    OK = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    LAUNCH_FAILED = 719,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_UNJOINED = 904,
    CAPTURE_ISOLATION = 905,
};

namespace {

constexpr size_t GUARD = 256;
constexpr unsigned char GUARDED = 0xa5;

std::recursive_mutex mutex;
bool is_broken = false;
std::map<std::string, int> calls;
int n_waits = 0;
thread_local const void* current = nullptr;
const int context = 0;

struct Stream;

struct Launched {
    std::string kernel;
    int precision;
    unsigned grid[3];
    unsigned block;
    std::vector<char> arguments;
};

struct Node {
    Launched launch;
    // Nodes that it waits for.
    std::set<size_t> after;
};

// What is captured, on one stream or several.
struct Graph {
    Stream* origin = nullptr;
    std::vector<Node> nodes;
};

struct Event {
    int recorded = 0;
    int done = 0;
    Stream* stream = nullptr;
    // Where it was captured.
    Graph* graph = nullptr;
    std::set<size_t> after;
};

struct Task {
    std::function<void()> run;
    // What it waits for, where it does.
    Event* event = nullptr;
    int ticket = 0;
};

struct Stream {
    bool is_eager = false;
    std::deque<Task> tasks;
    // What it captures, and what the next node waits for.
    Graph* graph = nullptr;
    std::set<size_t> after;
};

struct Module {
    std::string text;
};

struct Function {
    std::string name;
    // How it was compiled.
    int precision;
};

std::map<char*, size_t> device, pinned;
size_t allocated = 0;

size_t memory() {
    const char* bytes = std::getenv("FAKE_CUDA_MEMORY");
    return bytes ? std::strtoull(bytes, nullptr, 10) : size_t(8) << 30;
}

bool lies_in(const std::map<char*, size_t>& all, const void* at, size_t n) {
    const char* start = static_cast<const char*>(at);
    auto after = all.upper_bound(const_cast<char*>(start));
    if (after == all.begin()) return false;
    --after;
    return start + n <= after->first + after->second;
}

void run(const Launched& launch) {
    int outcome = femtospike_emulate(
        launch.kernel.c_str(), launch.precision, launch.grid, launch.block, launch.arguments.data(), launch.arguments.size()
    );
    if (outcome != DONE) {
        std::fprintf(stderr, "fake driver: %s ends with %d\n", launch.kernel.c_str(), outcome);
        std::abort();
    }
}

// Runs the nodes, the ones captured last as soon as they may, or in the order of the capture.
void run(const Graph& graph) {
    bool is_in_order = std::getenv("FAKE_CUDA_EAGER");
    std::vector<bool> is_done(graph.nodes.size(), false);
    for (size_t n = 0; n < graph.nodes.size(); n++) {
        size_t chosen = graph.nodes.size();
        for (size_t at = 0; at < graph.nodes.size(); at++) {
            bool may = !is_done[at];
            for (size_t before : graph.nodes[at].after) may &= is_done[before];
            if (may && (chosen == graph.nodes.size() || !is_in_order)) chosen = at;
        }
        run(graph.nodes[chosen].launch);
        is_done[chosen] = true;
    }
}

void step(Stream& stream);

void reach(Event& event, int ticket) {
    while (event.done < ticket) step(*event.stream);
}

void step(Stream& stream) {
    if (stream.tasks.empty()) {
        std::fprintf(stderr, "fake driver: a stream waits for what will never be\n");
        std::abort();
    }
    Task task = stream.tasks.front();
    stream.tasks.pop_front();
    if (task.event) reach(*task.event, task.ticket);
    if (task.run) task.run();
}

void drain(Stream& stream) {
    while (!stream.tasks.empty()) step(stream);
}

std::vector<Stream*>& streams() {
    static std::vector<Stream*> all;
    return all;
}

Status enqueue(Stream& stream, Task task) {
    if (stream.graph) return CAPTURE_UNSUPPORTED;
    stream.tasks.push_back(task);
    if (stream.is_eager) drain(stream);
    return OK;
}

// Whether a call fails that is to fail.
bool fails(const char* name) {
    const char* chosen = std::getenv("FAKE_CUDA_FAIL");
    if (is_broken) return true;
    if (!chosen) return false;
    std::string text = chosen;
    size_t colon = text.find(':');
    if (text.substr(0, colon) != name) return false;
    return is_broken = ++calls[name] >= std::atoi(text.c_str() + colon + 1);
}

void log(const char* what, size_t n) {
    const char* path = std::getenv("FAKE_CUDA_LOG");
    FILE* file = path ? std::fopen(path, "a") : nullptr;
    if (!file) return;
    std::fprintf(file, "%s %zu\n", what, n);
    std::fclose(file);
}

}  // namespace

#define CALL(name)                                                          \
    std::lock_guard<std::recursive_mutex> lock(mutex);                      \
    if (fails(name)) return LAUNCH_FAILED
#define CALL_IN_CONTEXT(name)                                               \
    CALL(name);                                                             \
    if (!current) return INVALID_CONTEXT

extern "C" {

Status cuInit(unsigned) { return OK; }

Status cuDriverGetVersion(int* version) {
    const char* told = std::getenv("FAKE_CUDA_VERSION");
    *version = told ? std::atoi(told) : 13000;
    return OK;
}

Status cuDeviceGetCount(int* count) {
    *count = std::getenv("FAKE_CUDA_NONE") ? 0 : 1;
    return OK;
}

Status cuDeviceGet(int* device, int number) {
    *device = number;
    return number == 0 ? OK : INVALID_VALUE;
}

Status cuDeviceGetName(char* name, int n, int) {
    std::snprintf(name, n, "Fake device");
    return OK;
}

Status cuDeviceTotalMem_v2(size_t* bytes, int) {
    *bytes = memory();
    return OK;
}

Status cuDeviceGetAttribute(int* value, int attribute, int) {
    const char* told = std::getenv("FAKE_CUDA_CAPABILITY");
    int capability = told ? std::atoi(told) : 90;
    *value = attribute == 75 ? capability / 10 : capability % 10;
    return OK;
}

Status cuDevicePrimaryCtxRetain(const void** out, int) {
    CALL("cuDevicePrimaryCtxRetain");
    *out = &context;
    return OK;
}

Status cuDevicePrimaryCtxRelease_v2(int) { return OK; }

Status cuCtxSetCurrent(const void* to) {
    current = to;
    return OK;
}

Status cuGetErrorName(Status, const char** text) {
    *text = "FAKE";
    return OK;
}

Status cuGetErrorString(Status status, const char** text) {
    switch (status) {
    case OUT_OF_MEMORY: *text = "out of memory"; break;
    case INVALID_CONTEXT: *text = "invalid device context"; break;
    case LAUNCH_FAILED: *text = "unspecified launch failure"; break;
    case CAPTURE_UNSUPPORTED: *text = "operation not permitted when stream is capturing"; break;
    case INVALID_IMAGE: *text = "device kernel image is invalid"; break;
    default: *text = "a fault of the fake driver"; break;
    }
    return OK;
}

Status cuStreamCreate(Stream** out, unsigned) {
    CALL_IN_CONTEXT("cuStreamCreate");
    *out = new Stream;
    (*out)->is_eager = std::getenv("FAKE_CUDA_EAGER") && streams().size() % 3 == 1;
    streams().push_back(*out);
    return OK;
}

Status cuStreamSynchronize(Stream* stream) {
    CALL_IN_CONTEXT("cuStreamSynchronize");
    if (stream->graph) return CAPTURE_UNSUPPORTED;
    drain(*stream);
    return OK;
}

Status cuStreamDestroy_v2(Stream* stream) {
    CALL_IN_CONTEXT("cuStreamDestroy");
    drain(*stream);
    return OK;
}

Status cuEventCreate(Event** out, unsigned) {
    CALL_IN_CONTEXT("cuEventCreate");
    *out = new Event;
    return OK;
}

Status cuEventRecord(Event* event, Stream* stream) {
    CALL_IN_CONTEXT("cuEventRecord");
    event->graph = stream->graph;
    event->after = stream->after;
    if (stream->graph) return OK;
    int ticket = ++event->recorded;
    event->stream = stream;
    return enqueue(*stream, {[=] { event->done = ticket; }});
}

Status cuEventSynchronize(Event* event) {
    CALL_IN_CONTEXT("cuEventSynchronize");
    if (event->graph) return CAPTURE_UNSUPPORTED;
    if (event->recorded) reach(*event, event->recorded);
    return OK;
}

// Events stay: tasks may know them.
Status cuEventDestroy_v2(Event*) { return OK; }

Status cuStreamWaitEvent(Stream* stream, Event* event, unsigned) {
    CALL_IN_CONTEXT("cuStreamWaitEvent");
    if (event->graph) {
        if (stream->graph && stream->graph != event->graph) return CAPTURE_ISOLATION;
        if (!stream->graph) stream->after.clear();
        stream->graph = event->graph;
        stream->after.insert(event->after.begin(), event->after.end());
        return OK;
    }
    if (stream->graph) return CAPTURE_ISOLATION;
    if (!event->recorded) return OK;
    const char* deaf = std::getenv("FAKE_CUDA_DEAF");
    if (deaf && ++n_waits >= std::atoi(deaf)) return OK;
    return enqueue(*stream, {nullptr, event, event->recorded});
}

Status cuMemAlloc_v2(char** out, size_t n) {
    CALL_IN_CONTEXT("cuMemAlloc");
    if (n == 0) return INVALID_VALUE;
    if (allocated + n > memory()) return OUT_OF_MEMORY;
    size_t whole = (n + 2 * GUARD + 255) / 256 * 256;
    char* start = static_cast<char*>(std::aligned_alloc(256, whole));
    std::memset(start, GUARDED, whole);
    // NaN as a float and as a double.
    std::memset(start + GUARD, 0xff, n);
    *out = start + GUARD;
    device[*out] = n;
    allocated += n;
    return OK;
}

Status cuMemFree_v2(char* at) {
    CALL_IN_CONTEXT("cuMemFree");
    for (Stream* stream : streams()) drain(*stream);
    auto found = device.find(at);
    if (found == device.end()) return INVALID_VALUE;
    for (size_t i = 0; i < GUARD; i++) {
        if ((unsigned char)at[-1 - (long)i] != GUARDED || (unsigned char)at[found->second + i] != GUARDED) {
            std::fprintf(stderr, "fake driver: a kernel wrote outside of a buffer of %zu bytes\n", found->second);
            std::abort();
        }
    }
    allocated -= found->second;
    device.erase(found);
    std::free(at - GUARD);
    return OK;
}

Status cuMemHostAlloc(void** out, size_t n, unsigned) {
    CALL_IN_CONTEXT("cuMemHostAlloc");
    *out = std::malloc(n);
    pinned[static_cast<char*>(*out)] = n;
    return OK;
}

Status cuMemFreeHost(void* at) {
    CALL_IN_CONTEXT("cuMemFreeHost");
    if (!pinned.erase(static_cast<char*>(at))) return INVALID_VALUE;
    std::free(at);
    return OK;
}

Status cuMemcpyHtoDAsync_v2(char* to, const void* from, size_t n, Stream* stream) {
    CALL_IN_CONTEXT("cuMemcpyHtoDAsync");
    if (!lies_in(pinned, from, n) || !lies_in(device, to, n)) return INVALID_VALUE;
    log("to_device", n);
    return enqueue(*stream, {[=] { std::memcpy(to, from, n); }});
}

Status cuMemcpyDtoHAsync_v2(void* to, const char* from, size_t n, Stream* stream) {
    CALL_IN_CONTEXT("cuMemcpyDtoHAsync");
    if (!lies_in(pinned, to, n) || !lies_in(device, from, n)) return INVALID_VALUE;
    log("to_host", n);
    return enqueue(*stream, {[=] { std::memcpy(to, from, n); }});
}

Status cuMemcpyDtoDAsync_v2(char* to, const char* from, size_t n, Stream* stream) {
    CALL_IN_CONTEXT("cuMemcpyDtoDAsync");
    if (!lies_in(device, to, n) || !lies_in(device, from, n)) return INVALID_VALUE;
    return enqueue(*stream, {[=] { std::memcpy(to, from, n); }});
}

Status cuModuleLoadData(Module** out, const char* image) {
    CALL_IN_CONTEXT("cuModuleLoadData");
    if (std::strncmp(image, "\x7f" "ELF", 4) != 0) return INVALID_IMAGE;
    *out = new Module{image};
    return OK;
}

Status cuModuleGetFunction(Function** out, Module* module, const char* name) {
    CALL_IN_CONTEXT("cuModuleGetFunction");
    if (module->text.find("KERNEL(" + std::string(name) + ",") == std::string::npos) return NOT_FOUND;
    auto is_defined = [&](const char* macro) { return module->text.find(std::string("--define-macro=") + macro) != std::string::npos; };
    int precision = is_defined("FEMTOSPIKE_TF32") ? emulator::TF32 : is_defined("FEMTOSPIKE_F16") ? emulator::F16 : emulator::F32;
    *out = new Function{name, precision};
    return OK;
}

Status cuFuncGetAttribute(int* value, int, Function*) {
    *value = 1024;
    return OK;
}

Status cuLaunchKernel(
    Function* function, unsigned x, unsigned y, unsigned z, unsigned block, unsigned, unsigned, unsigned, Stream* stream,
    void** arguments, void**
) {
    CALL_IN_CONTEXT("cuLaunchKernel");
    if (!x || !y || !z || y > 65535 || z > 65535 || !block || block > 1024) return INVALID_VALUE;
    Launched launch{function->name, function->precision, {x, y, z}, block, {}};
    for (const emulator::Entry& entry : emulator::entries()) {
        if (function->name != entry.name) continue;
        const char* bytes = static_cast<const char*>(arguments[0]);
        launch.arguments.assign(bytes, bytes + entry.arguments);
    }
    if (stream->graph) {
        stream->graph->nodes.push_back({launch, stream->after});
        stream->after = {stream->graph->nodes.size() - 1};
        return OK;
    }
    return enqueue(*stream, {[=] { run(launch); }});
}

Status cuStreamBeginCapture_v2(Stream* stream, int) {
    CALL_IN_CONTEXT("cuStreamBeginCapture");
    if (stream->graph) return CAPTURE_UNSUPPORTED;
    stream->graph = new Graph{stream, {}};
    stream->after.clear();
    return OK;
}

Status cuStreamEndCapture(Stream* stream, Graph** out) {
    CALL_IN_CONTEXT("cuStreamEndCapture");
    Graph* graph = stream->graph;
    if (!graph || graph->origin != stream) return INVALID_VALUE;
    // All that was captured leads to the end of this stream.
    std::set<size_t> reached, next = stream->after;
    while (!next.empty()) {
        size_t at = *next.begin();
        next.erase(next.begin());
        if (reached.insert(at).second) next.insert(graph->nodes[at].after.begin(), graph->nodes[at].after.end());
    }
    for (Stream* other : streams()) {
        if (other->graph == graph) other->graph = nullptr;
    }
    *out = graph;
    return reached.size() == graph->nodes.size() ? OK : CAPTURE_UNJOINED;
}

Status cuGraphInstantiateWithFlags(Graph** out, Graph* graph, unsigned long long) {
    CALL_IN_CONTEXT("cuGraphInstantiate");
    *out = new Graph(*graph);
    return OK;
}

Status cuGraphDestroy(Graph* graph) {
    delete graph;
    return OK;
}

Status cuGraphExecDestroy(Graph* graph) {
    CALL_IN_CONTEXT("cuGraphExecDestroy");
    for (Stream* stream : streams()) drain(*stream);
    delete graph;
    return OK;
}

Status cuGraphUpload(Graph*, Stream*) { return OK; }

Status cuGraphLaunch(Graph* graph, Stream* stream) {
    CALL_IN_CONTEXT("cuGraphLaunch");
    log("graph", graph->nodes.size());
    return enqueue(*stream, {[=] { run(*graph); }});
}

}  // extern "C"
