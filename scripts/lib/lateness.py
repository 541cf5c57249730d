"""How late a node's blocks are in their slots, and how long it takes to answer: asks for its best block every 10 ms.

lateness.py URL SLOT_MS SECONDS NAME prints a line of tab-separated figures: the name, blocks seen, slots without a block,
lateness (median, 90 %, most) and answering (median, 99 %, most) in milliseconds.
"""

import http.client
import json
import sys
import time
from urllib.parse import urlsplit

url, slot, seconds, name = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)


def best():
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "chain_getHeader", "params": []})
    connection.request("POST", "/", body, {"Content-Type": "application/json"})
    return int(json.load(connection.getresponse())["result"]["number"], 16)


def share(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


first = last = best()
end = time.time() + seconds
late, answers = [], []
while time.time() < end:
    asked = time.time()
    number = best()
    now = time.time()
    answers.append((now - asked) * 1000)
    if number != last:
        late.append(now * 1000 % slot)
        last = number
    time.sleep(0.01)
blocks = last - first
figures = [share(late, 0.5), share(late, 0.9), max(late), share(answers, 0.5), share(answers, 0.99), max(answers)]
missed = max(0, round(seconds * 1000 / slot) - blocks)
print(name, blocks, missed, *(f"{figure:.0f}" for figure in figures[:3]), *(f"{figure:.1f}" for figure in figures[3:]), sep="\t")
