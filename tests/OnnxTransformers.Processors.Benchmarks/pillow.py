# Resizes a picture with Pillow: one JSON line with the seconds of each round for each filter and size.
import json, sys, time
from PIL import Image, __version__
width, height, rounds = map(int, sys.argv[1:4])
image = Image.effect_noise((width, height), 60).convert("RGB")
result = {}
for name, filter in (("Bilinear", 2), ("Bicubic", 3), ("Lanczos", 1)):
    for side in map(int, sys.argv[4:]):
        image.resize((side, side), filter)
        times = []
        for _ in range(rounds):
            start = time.perf_counter(); image.resize((side, side), filter); times.append(time.perf_counter() - start)
        result[f"{name} {side}"] = times
print(json.dumps({"version": __version__, "times": result}))
