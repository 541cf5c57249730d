#!/usr/bin/env python3
"""What an order did to everybody's money, stage by stage, and whether it adds up to the unit.

    ledger.py NODE ORDER

NODE is the HTTP address of a node that still has the states since the order was posted. The order was
claimed, missed and rescued, and nobody but its three parties sent transactions meanwhile. Prints one JSON
object: what each party had, free and on hold, before the order and after each change of it. Fails,
naming the sum, if any of these differs by a unit from what the order's own terms, docs/protocol/orders.md
and the fees in the blocks' events say.
"""

import hashlib
import json
import sys
import urllib.request

UNIT = 10**12

# Storage: two hashes of 16 bytes, of the pallet's and of the item's name.
SYSTEM_ACCOUNT = "26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9"
SYSTEM_EVENTS = "26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7"
TOTAL_ISSUANCE = "c2261276cc9d1f8598ea4b6a74b15c2f57c875e4cff74148e4628f264b974c80"
# The event TransactionPayment.TransactionFeePaid begins with the pallet's index and its own.
TRANSACTION_FEE_PAID = bytes([5, 0])


class Node:
    def __init__(self, url):
        self.url = url
        # Straight to the node, whatever proxies the environment names.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        answer = json.load(self.opener.open(request, timeout=30))
        if "error" in answer:
            sys.exit(f"{method}: {answer['error']}")
        return answer["result"]

    def block(self, number):
        return self.call("chain_getBlockHash", number)

    def storage(self, key, at):
        found = self.call("state_getStorage", "0x" + key, at)
        return bytes.fromhex(found[2:]) if found else b""

    def account(self, key, at):
        """Free balance and what is on hold."""
        found = self.storage(SYSTEM_ACCOUNT + hashlib.blake2b(key, digest_size=16).hexdigest() + key.hex(), at)
        # After nonce and three counters of references, u32 each.
        return number_at(found, 16), number_at(found, 32)

    def issuance(self, at):
        return number_at(self.storage(TOTAL_ISSUANCE, at), 0)

    def fees(self, key, at):
        """What the account paid for transactions in the block, by its events."""
        events = self.storage(SYSTEM_EVENTS, at)
        sought, paid, position = TRANSACTION_FEE_PAID + key, 0, 0
        while (position := events.find(sought, position)) >= 0:
            position += len(sought)
            paid += number_at(events, position)
        return paid


def number_at(data, offset):
    return int.from_bytes(data[offset : offset + 16], "little")


def public_key(address):
    """Of an SS58 address with a prefix of one byte: base58 of prefix, key and two bytes of checksum."""
    value = 0
    for letter in address:
        value = value * 58 + "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".index(letter)
    return value.to_bytes(35, "big")[1:33]


def lem(amount):
    """As the command line writes amounts."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    fraction = f"{amount % UNIT:012d}".rstrip("0")
    return f"{sign}{amount // UNIT}" + ("." + fraction if fraction else "")


def stages(node, order):
    """The blocks in which the order was posted, claimed, missed and rescued: (name, height, hash, order)."""
    receipt = node.call("lemma_receipt", order) or sys.exit(f"order {order} is not settled")
    found, names = [], {"open": "posted", "claimed": "claimed", "rescue": "missed"}
    for height in range(1, receipt["settledAt"] + 1):
        at = node.block(height)
        record = node.call("lemma_order", order, at)
        stage = names[record["status"]["kind"]] if record else "rescued" if found else None
        if stage and (not found or found[-1][0] != stage):
            found.append((stage, height, at, record))
    if [stage for stage, *_ in found] != ["posted", "claimed", "missed", "rescued"]:
        sys.exit(f"order {order} went another way: {[stage for stage, *_ in found]}")
    return receipt, found


def main(url, order):
    node = Node(url)
    receipt, found = stages(node, order)
    (_, posted_at, _, posted), (_, _, _, claimed), (_, missed_at, missed_hash, missed), _ = found
    amount = {name: int(posted[name]) for name in ("maxPrice", "collateral", "deposit", "settlementFee")}
    price, bounty = int(missed["status"]["price"]), int(missed["status"]["bounty"])
    kept_deposit, paid = int(receipt["deposit"]), int(receipt["paid"])
    address = {
        "requester": posted["requester"],
        "claimer": claimed["status"]["provider"],
        "rescuer": receipt["provider"],
    }
    parties = {role: public_key(address[role]) for role in address}

    def expect(what, actual, expected):
        if actual != expected:
            sys.exit(f"{what} is {lem(actual)} LEM, not {lem(expected)}: {lem(actual - expected)} too much")

    if len(set(parties.values())) != 3:
        sys.exit(f"these are not three parties: {address}")
    expect("the price in rescue", price, int(claimed["status"]["price"]))
    expect("the bounty", bounty, amount["collateral"] // 2)
    expect("what the rescuer was paid", paid, price + bounty)
    if missed_at != claimed["status"]["expiresAt"]:
        sys.exit(f"the claim ended at block {missed_at}, not {claimed['status']['expiresAt']}")
    # Nobody asked for the slash: the block holds nothing but the time, which every block must.
    if (held := len(node.call("chain_getBlock", missed_hash)["block"]["extrinsics"])) != 1:
        sys.exit(f"the block of the miss holds {held} extrinsics")

    # What a stage does to (free, held) of a party, by the rules; fees come on top.
    escrow = amount["maxPrice"] + amount["deposit"] + amount["settlementFee"]
    returned = amount["deposit"] - kept_deposit
    moves = {
        "posted": {"requester": (-escrow, escrow)},
        "claimed": {"requester": (amount["maxPrice"] - price, price - amount["maxPrice"])},
        "missed": {
            "claimer": (0, -amount["collateral"]),
            "requester": (amount["collateral"] - bounty, bounty),
        },
        "rescued": {
            "requester": (returned, -price - bounty - amount["settlementFee"] - returned),
            "rescuer": (paid, 0),
        },
    }
    rows, fees_paid = [], {role: 0 for role in parties}
    last_height, last_at = posted_at - 1, node.block(posted_at - 1)
    issued = node.issuance(last_at)
    money = {role: node.account(key, last_at) for role, key in parties.items()}
    rows.append(("before", last_height, money))
    for stage, height, at, _ in found:
        blocks = [node.block(between) for between in range(last_height + 1, height + 1)]
        fees = {role: sum(node.fees(key, block) for block in blocks) for role, key in parties.items()}
        after = {role: node.account(key, at) for role, key in parties.items()}
        for role in parties:
            free, held = moves[stage].get(role, (0, 0))
            expect(f"free of the {role}, {stage}", after[role][0], money[role][0] + free - fees[role])
            expect(f"held of the {role}, {stage}", after[role][1], money[role][1] + held)
            fees_paid[role] += fees[role]
        burnt = sum(fees.values()) + (amount["settlementFee"] if stage == "rescued" else 0)
        expect(f"the issuance, {stage}", node.issuance(at), issued - burnt)
        issued, money, last_height = node.issuance(at), after, height
        rows.append((stage, height, money))
    if not (fees_paid["requester"] and fees_paid["claimer"]):
        sys.exit("no fees of the requester or the claimer were found in the blocks' events")

    first, last = rows[0][2], rows[-1][2]
    print(
        json.dumps(
            {
                "order": order,
                "accounts": address,
                "price": lem(price),
                "collateral": lem(amount["collateral"]),
                "slashed": lem(first["claimer"][1] - last["claimer"][1]),
                "bounty": lem(bounty),
                "settlement_fee": lem(amount["settlementFee"]),
                "fees": {role: lem(fees_paid[role]) for role in parties},
                "stages": [
                    {"stage": stage, "block": height}
                    | {role: {"free": lem(free), "held": lem(held)} for role, (free, held) in money.items()}
                    for stage, height, money in rows
                ],
                "change": {role: lem(sum(last[role]) - sum(first[role])) for role in parties},
            }
        )
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]))
