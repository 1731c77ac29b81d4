"""LeNet learned by PyTorch on the first CUDA device, and the device's own speed: one line of JSON.

The same network as LeNet.ini but for the mapping of its second convolution, which PyTorch has no cell for: all 96 pairs of
maps are connected where LeNet.ini has 60. Stimuli lie on the device; nothing is clamped. Floats have 32 bits, products too
(TF32 is off).
"""

import json
import sys
import time

BATCH, WARM_UP, STEPS, ROUNDS = 128, 30, 200, 5


def main():
    import torch
    from torch import nn
    from torch.nn import functional as F

    device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        return {"lacking": f"PyTorch {torch.__version__} finds no CUDA device"}
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)

    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5, bias=False)
            self.conv2 = nn.Conv2d(6, 16, 5, bias=False)
            self.conv3 = nn.Conv2d(16, 120, 5, bias=False)
            self.fc1 = nn.Linear(120, 84, bias=False)
            self.fc2 = nn.Linear(84, 10, bias=False)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = F.relu(self.conv3(x)).flatten(1)
            return self.fc2(F.dropout(F.relu(self.fc1(x)), 0.5, self.training))

    stimuli = torch.rand(4096, 1, 32, 32, device=device)
    labels = torch.randint(10, (4096,), device=device)

    def rounds(step, n_steps=STEPS, n_rounds=ROUNDS):
        """Seconds a stimulus, round by round."""
        for number in range(WARM_UP):
            step(number)
        found = []
        for _ in range(n_rounds):
            wait()
            started = time.perf_counter()
            for number in range(n_steps):
                step(number)
            wait()
            found.append((time.perf_counter() - started) / (n_steps * BATCH))
        return found

    def learning(mode):
        model = LeNet().to(device)
        settings = dict(lr=0.05, momentum=0.9, weight_decay=0.0005)
        if mode != "eager" and device == "cuda":
            # So that the compiler need not read the rate from the host in each step.
            settings["lr"] = torch.tensor(settings["lr"], device=device)
        optimizer = torch.optim.SGD(model.parameters(), **settings)

        def loss_of(x, y):
            return F.cross_entropy(model(x), y)

        def update():
            optimizer.step()

        if mode != "eager":
            loss_of = torch.compile(loss_of, mode=mode)
            update = torch.compile(update)

        def step(number):
            first = number % (len(stimuli) // BATCH) * BATCH
            if mode == "reduce-overhead":
                torch.compiler.cudagraph_mark_step_begin()
            loss = loss_of(stimuli[first:first + BATCH], labels[first:first + BATCH])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            update()

        return rounds(step)

    found = {"version": torch.__version__, "cuda": torch.version.cuda, "compiled": {}, "faults": {}}
    found["eager"] = learning("eager")
    for mode in ["default", "reduce-overhead"]:
        if not hasattr(torch, "compile"):
            found["faults"][mode] = "this PyTorch has no torch.compile"
            continue
        try:
            found["compiled"][mode] = learning(mode)
        except Exception as error:  # One that cannot be compiled hides no other figure.
            found["faults"][mode] = f"{type(error).__name__}: {error}".split("\n")[0]
    n, m = (4096, 1 << 27) if device == "cuda" else (256, 1 << 20)
    a, b = torch.rand(n, n, device=device), torch.rand(n, n, device=device)
    seconds = min(rounds(lambda _: torch.matmul(a, b), 20, 3)) * BATCH
    found["gemm_flop_per_second"] = 2 * n**3 / seconds
    x, y = torch.rand(m, device=device), torch.empty(m, device=device)
    seconds = min(rounds(lambda _: y.copy_(x), 20, 3)) * BATCH
    found["copy_bytes_per_second"] = 2 * 4 * m / seconds
    return found


if __name__ == "__main__":
    try:
        found = main()
    except ImportError as error:
        found = {"lacking": f"no PyTorch: {error}"}
    print(json.dumps(found))
