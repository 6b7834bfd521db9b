"""Trains the model of the emoji example in PyTorch, as `sensorium train` does.

    python bench/emoji/train_torch.py [--until 0.87] [--seed 42] [--out epochs.json]

Same rows, features, model, loss, optimizer, schedule and modality dropout as
`bench/emoji/emoji.yaml` with the defaults of `sensorium`. Times count from the start of the
process, so that of Python and the imports are in them. It ends after the first epoch whose
validation accuracy of `category` is at least `--until`.
"""

import argparse
import json
import math
import os
import resource
import time
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from features import FIRST_WORD_ID, OUTPUTS, hide_none, hide_some, parts_of
from model import Model

EPOCHS = 12
BATCH_SIZE = 32
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01
WARMUP_FRACTION = 0.05
LONGEST_GRADIENT = 1.0
MODALITY_DROPOUT = 0.2
# Epochs without a better validation accuracy after which training stops.
PATIENCE = 5
TABLE = Path(__file__).resolve().parents[2] / "examples" / "emoji" / "emoji.csv"


def seconds_since_start():
    """Seconds since this process was started, by the system's own record of it."""
    # Field 22 of the line, counted from after the name, which may hold spaces.
    ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK")


def optimizer_of(model):
    """AdamW that takes weight off matrices, and not off biases, norms and other vectors."""
    matrices = [weight for weight in model.parameters() if weight.dim() >= 2]
    vectors = [weight for weight in model.parameters() if weight.dim() < 2]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    return AdamW(groups, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)


def schedule_of(optimizer, num_steps):
    """A linear warm-up, then half a cosine down to 0, step by step."""
    warmup = round(WARMUP_FRACTION * num_steps)

    def share(step):
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / (num_steps - warmup)))

    return LambdaLR(optimizer, share)


def losses_of(logits, targets):
    """The mean cross entropy of each output."""
    outputs = enumerate(logits)
    return [F.cross_entropy(output, targets[:, index]) for index, output in outputs]


def train_epoch(model, loader, optimizer, schedule):
    """Returns the mean training loss."""
    model.train()
    total = 0.0
    for batch in loader:
        optimizer.zero_grad(set_to_none=True)
        loss = sum(losses_of(model(batch), batch.targets))
        loss.backward()
        clip_grad_norm_(model.parameters(), LONGEST_GRADIENT)
        optimizer.step()
        schedule.step()
        total += loss.item() * len(batch.targets)
    return total / len(loader.dataset)


@torch.inference_mode()
def validate(model, loader):
    """Returns the mean loss and the accuracy of each output."""
    model.eval()
    total, right = 0.0, torch.zeros(len(OUTPUTS), dtype=torch.long)
    for batch in loader:
        logits = model(batch)
        total += sum(losses_of(logits, batch.targets)).item() * len(batch.targets)
        answers = torch.stack([output.argmax(1) for output in logits], 1)
        right += (answers == batch.targets).sum(0)
    num_rows = len(loader.dataset)
    return total / num_rows, [rows / num_rows for rows in right.tolist()]


def run(arguments):
    """Trains, and returns what is said of each epoch."""
    torch.manual_seed(arguments.seed)
    train, validation, fitted = parts_of(arguments.table)
    hide = hide_some(MODALITY_DROPOUT)
    # Everything is in memory already: workers would only take cores from the training.
    shuffled = DataLoader(train, BATCH_SIZE, shuffle=True, collate_fn=lambda rows: train.batch(rows, hide))
    in_order = DataLoader(validation, BATCH_SIZE, collate_fn=lambda rows: validation.batch(rows, hide_none))

    num_ids = {column: FIRST_WORD_ID + len(words) for column, words in fitted.words.items()}
    model = Model(num_ids, [len(classes) for classes in fitted.classes.values()])
    optimizer = optimizer_of(model)
    schedule = schedule_of(optimizer, arguments.epochs * len(shuffled))
    print(f"ready after {seconds_since_start():.2f} s", flush=True)

    epochs, best = [], -1.0
    for epoch in range(arguments.epochs):
        training_loss = train_epoch(model, shuffled, optimizer, schedule)
        loss, accuracies = validate(model, in_order)
        record = {"seconds": seconds_since_start(), "training_loss": training_loss, "loss": loss}
        record |= {f"{column}_accuracy": accuracy for column, accuracy in zip(OUTPUTS, accuracies)}
        epochs.append(record)
        print(line_of(epoch, arguments.epochs, record), flush=True)
        accuracy = record["category_accuracy"]
        if accuracy > best:
            best, best_epoch = accuracy, epoch
            weights = {name: weight.clone() for name, weight in model.state_dict().items()}
        if accuracy >= arguments.until or epoch - best_epoch >= PATIENCE:
            break
    model.load_state_dict(weights)
    if arguments.save:
        torch.save(model.state_dict(), arguments.save)
    return epochs


def line_of(epoch, num_epochs, record):
    return (
        f"epoch {epoch + 1:2}/{num_epochs}  {record['seconds']:7.2f} s  loss {record['training_loss']:.3f}  "
        f"validation: loss {record['loss']:.3f}  category accuracy {record['category_accuracy']:.3f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=TABLE, help="the example's emoji.csv")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--until", type=float, default=math.inf, help="a validation accuracy of `category`")
    parser.add_argument("--save", type=Path, help="a file for the best epoch's weights")
    parser.add_argument("--out", type=Path, help="a JSON file for what is said of each epoch")
    arguments = parser.parse_args()

    epochs = run(arguments)
    if arguments.out:
        # Linux counts in KiB.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        said = {"seed": arguments.seed, "torch": torch.__version__, "peak_bytes": peak, "epochs": epochs}
        arguments.out.write_text(json.dumps(said, indent=2) + "\n")


if __name__ == "__main__":
    main()
