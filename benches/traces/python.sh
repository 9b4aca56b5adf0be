# JSON, dictionaries, strings and a little text search, with each object from malloc.
cat >script.py <<'P'
import json
import random
import re

rng = random.Random(1)
words = ["".join(rng.choice("abcdefghij") for _ in range(rng.randrange(3, 12))) for _ in range(400)]
rows = [{"id": i, "name": rng.choice(words), "tags": rng.sample(words, 4), "sum": i / 7} for i in range(1500)]
text = json.dumps(rows)
index = {}
for row in json.loads(text):
    for tag in row["tags"]:
        index.setdefault(tag, []).append(row["id"])
long = sorted((tag for tag in index if len(index[tag]) > 14), key=lambda tag: -len(index[tag]))
lines = [f"{tag}: {', '.join(map(str, index[tag]))}" for tag in long]
found = sum(len(re.findall(r"\d+5\b", line)) for line in lines)
print(len(text), len(long), found)
P
PYTHONMALLOC=malloc PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 $TRACE python3 -S script.py
