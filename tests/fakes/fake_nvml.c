/* A stand-in for libnvidia-ml.so.1: one GPU whose name says that it is none. It tests our code, not a GPU.
 *
 * FAKE_NVML_USED_MIB: memory in use. FAKE_NVML_FAIL: "<function>:<code>", returned by that function.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned version; unsigned long long total, reserved, available, used; } memory_v2;
typedef struct { unsigned gpu, memory; } utilisation;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } process;

static int result(const char *function) {
    const char *wish = getenv("FAKE_NVML_FAIL");
    size_t length = strlen(function);
    return wish && !strncmp(wish, function, length) && wish[length] == ':' ? atoi(wish + length + 1) : 0;
}

static int text(char *target, unsigned size, const char *content) {
    snprintf(target, size, "%s", content);
    return 0;
}

int nvmlInitWithFlags(unsigned flags) { return result("nvmlInit"); }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return result("nvmlDeviceGetCount"); }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (void *)1; return 0; }
int nvmlSystemGetDriverVersion(char *target, unsigned size) { return text(target, size, "0.0-test"); }
int nvmlDeviceGetUUID(void *device, char *target, unsigned size) { return text(target, size, "GPU-fake-0"); }
int nvmlDeviceGetName(void *device, char *target, unsigned size) {
    return text(target, size, "FAKE GPU, test stand-in");
}
int nvmlDeviceGetMemoryInfo_v2(void *device, memory_v2 *memory) {
    const char *used = getenv("FAKE_NVML_USED_MIB");
    memory->total = 24576ULL << 20;
    memory->reserved = 512ULL << 20;
    memory->used = (used ? strtoull(used, NULL, 10) : 20480ULL) << 20;
    memory->available = memory->total - memory->used - memory->reserved;
    return result("nvmlDeviceGetMemoryInfo");
}
int nvmlDeviceGetUtilizationRates(void *device, utilisation *rates) {
    rates->gpu = 75;
    rates->memory = 40;
    return 0;
}
int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) { *milliwatts = 250500; return 0; }
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    *millijoules = 123456;
    return result("nvmlDeviceGetTotalEnergyConsumption");
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *degrees) { *degrees = 61; return 0; }
int nvmlDeviceGetCurrentClocksEventReasons(void *device, unsigned long long *reasons) { *reasons = 4; return 0; }
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, process *found) {
    if (*count < 1) {
        *count = 1;
        return 7; /* insufficient size: the binding asks again with room */
    }
    *count = 1;
    found[0] = (process){.pid = 4242, .used = 19456ULL << 20};
    return result("nvmlDeviceGetComputeRunningProcesses");
}
