"""Files by other programs, as small as they get, under the names that people have them by."""

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file


def onnx() -> bytes:
    """The beginning of an ONNX model: ir_version 8, producer_name "pytorch" (protobuf fields 1 and 2), and a graph (7) without content."""
    return b"\x08\x08\x12\x07pytorch\x1a\x052.1.0\x3a\x02\x12\x00"


def make(folder: Path) -> dict[str, tuple[Path, str]]:
    """By what it is, a file or folder and a word that says so."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {"down_blocks.0.resnets.0.conv1.weight": torch.zeros(2, 2, 3, 3), "time_embedding.linear_1.weight": torch.zeros(2, 2)}
    save_file(weights, folder / "diffusers.safetensors", metadata={"format": "pt"})
    save_file(
        {"patch_embed.proj.weight": torch.zeros(2, 3, 4, 4), "blocks.0.attn.qkv.weight": torch.zeros(6, 2)}, folder / "timm.safetensors"
    )
    save_file({"synthesis.b4.const": torch.zeros(2, 4, 4), "mapping.fc0.weight": torch.zeros(2, 2)}, folder / "nvidia.safetensors")
    whole = (folder / "timm.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-10])
    torch.save({"conv1.weight": torch.zeros(2, 3, 3, 3)}, folder / "resnet.pth")
    torch.save({"conv1.weight": torch.zeros(2, 3, 3, 3)}, folder / "old.pt", _use_new_zipfile_serialization=False)
    torch.save({"pytorch-lightning_version": "2.0.0", "state_dict": {"w": torch.zeros(2)}, "epoch": 1}, folder / "lightning.ckpt")
    (folder / "sklearn.pkl").write_bytes(pickle.dumps({"a": [1, 2, 3], "b": "something"}, protocol=4))
    (folder / "model.onnx").write_bytes(onnx())
    (folder / "keras.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (folder / "llm.gguf").write_bytes(b"GGUF" + struct.pack("<I", 3) + bytes(100))
    diffusers = folder / "pipeline"
    diffusers.mkdir(exist_ok=True)
    (diffusers / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0"}))
    (diffusers / "unet").mkdir(exist_ok=True)
    save_file(weights, diffusers / "unet/diffusion_pytorch_model.safetensors")
    transformer = folder / "vit"
    transformer.mkdir(exist_ok=True)
    (transformer / "config.json").write_text(json.dumps({"architectures": ["ViTForImageClassification"], "model_type": "vit"}))
    pixels = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(pixels, format="PNG")
    (folder / "photo.png").write_bytes(pixels.getvalue())
    (folder / "photo.safetensors").write_bytes(pixels.getvalue())
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        archive.writestr("a.png", pixels.getvalue())
    (folder / "empty.pth").write_bytes(b"")
    (folder / "notes.txt").write_text("what I did on Monday\n")
    (folder / "page.pkl").write_text("<!DOCTYPE html><html><body>404 Not Found</body></html>")
    (folder / "pointer.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    words = {
        "diffusers.safetensors": "diffusers",
        "timm.safetensors": "safetensors",
        "nvidia.safetensors": "StyleGAN",
        "cut.safetensors": "cut short",
        "resnet.pth": "PyTorch",
        "old.pt": "PyTorch",
        "lightning.ckpt": "Lightning",
        "sklearn.pkl": "pickle",
        "model.onnx": "ONNX",
        "keras.h5": "HDF5",
        "llm.gguf": "GGUF",
        "pipeline": "diffusers",
        "vit": "Hugging Face",
        "photo.png": "image",
        "photo.safetensors": "image",
        "photos.zip": "zip",
        "empty.pth": "empty",
        "notes.txt": "text",
        "page.pkl": "HTML",
        "pointer.safetensors": "Git LFS",
    }
    return {name: (folder / name, word) for name, word in words.items()}
