#!/usr/bin/env python3
"""Writes gpt2_fixture.txt: logits, loss and gradients of a small GPT-2 by Hugging Face's implementation.

Run by hand with torch and transformers installed:  python3 gpt2_fixture.py > gpt2_fixture.txt
The tests read the result and need neither. Weights are not stored: parameter number p (in the order
of `names`) has elements base + 0.1 * sin(0.37 * i + 1.3 * p), i row major, base 1 for norm gains.
"""
import math

import torch
from transformers import GPT2Config, GPT2LMHeadModel

VOCAB, CONTEXT, WIDTH, HEADS, DEPTH, BATCH, TIME = 31, 10, 16, 2, 2, 2, 9


def fill(shape, number, base):
    count = math.prod(shape)
    i = torch.arange(count, dtype=torch.float64)
    return (base + 0.1 * torch.sin(0.37 * i + 1.3 * number)).reshape(shape)


torch.manual_seed(0)
config = GPT2Config(vocab_size=VOCAB, n_positions=CONTEXT, n_embd=WIDTH, n_head=HEADS, n_layer=DEPTH,
                    attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0, activation_function="gelu_new",
                    attn_implementation="eager")
model = GPT2LMHeadModel(config).double()
h = model.transformer.h

# Our name, shape and where it lies in theirs: (tensor, column slice). Their Conv1D is [in, out] too.
names = [("E", model.transformer.wte.weight, None), ("P", model.transformer.wpe.weight, None)]
for l in range(DEPTH):
    block, layer = h[l], l + 1
    thirds = [slice(j * WIDTH, (j + 1) * WIDTH) for j in range(3)]
    names += [(f"{layer}.norm.g", block.ln_1.weight, None), (f"{layer}.norm.b", block.ln_1.bias, None)]
    for name, columns in zip("qkv", thirds):
        names += [(f"{layer}.attn.{name}.W", block.attn.c_attn.weight, columns),
                  (f"{layer}.attn.{name}.b", block.attn.c_attn.bias, columns)]
    names += [(f"{layer}.attn.o.W", block.attn.c_proj.weight, None),
              (f"{layer}.attn.o.b", block.attn.c_proj.bias, None),
              (f"{layer}.norm2.g", block.ln_2.weight, None), (f"{layer}.norm2.b", block.ln_2.bias, None),
              (f"{layer}.ff.up.W", block.mlp.c_fc.weight, None),
              (f"{layer}.ff.up.b", block.mlp.c_fc.bias, None),
              (f"{layer}.ff.down.W", block.mlp.c_proj.weight, None),
              (f"{layer}.ff.down.b", block.mlp.c_proj.bias, None)]
names += [("final_norm.g", model.transformer.ln_f.weight, None), ("final_norm.b", model.transformer.ln_f.bias, None)]


def part(tensor, columns):
    return tensor if columns is None else tensor[..., columns]


with torch.no_grad():
    for number, (name, tensor, columns) in enumerate(names):
        target = part(tensor, columns)
        target.copy_(fill(tuple(target.shape), number, 1.0 if name.endswith(".g") else 0.0))

tokens = torch.tensor([[(7 * b + 3 * t + t * t) % VOCAB for t in range(TIME)] for b in range(BATCH)])
targets = torch.tensor([[(5 * b + 11 * t + 2) % VOCAB for t in range(TIME)] for b in range(BATCH)])
logits = model(tokens).logits
loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), targets.reshape(-1))
loss.backward()


def write(kind, name, tensor):
    values = tensor.detach().reshape(-1).tolist()
    print(kind, name, len(values))
    print(" ".join(f"{v:.8e}" for v in values))


write("loss", "loss", loss)
write("logits", "logits", logits)
for name, tensor, columns in names:
    write("gradient", name, part(tensor.grad, columns))
