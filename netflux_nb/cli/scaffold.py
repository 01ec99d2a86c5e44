"""The files of a new project: a state, Functions under contracts, rules, a workflow."""

from __future__ import annotations

MAIN = '''"""A small bank: run it, and look at what it left."""

from pathlib import Path

from netflux_nb import AuditError, audit, plain, runs, workflow

from src.context import bank
from src.processes.transfers import transfer

HERE = Path(__file__).parent
audit(HERE / "specs" / "audit_recipe.yaml")

print("Before:", plain(bank.accounts))
print("ann has", transfer("ann", "bob", 30))

for amount in (500, 5_000):
    try:
        transfer("ann", "bob", amount)
    except (ValueError, AuditError) as error:
        print("Refused:", error)

# Of what was refused nothing counts.
print("After:", plain(bank.accounts))
for change in bank.history("accounts"):
    print(change)
day = workflow(HERE / "workflows" / "day.yaml", functions=[transfer])
done = day(start="PROCESSING", src="bob", dst="ann", amount=10)
print("The day ends in", done.end, "with", plain(bank.accounts))
print("Runs:", [run.fn for run in runs])
'''

CONTEXT = '''"""What the processes of this project share."""

from dataclasses import dataclass, field

from netflux_nb import state


@dataclass
class BankGlobal:
    """Configuration: processes read it, a person changes it."""

    most: int = 10_000


@dataclass
class BankDomain:
    """What the processes work on."""

    accounts: dict[str, int] = field(default_factory=dict)
    fees: int = 0
    meta_note: str | None = None


bank = state(
    BankDomain(accounts={"ann": 100, "bob": 50}), config=BankGlobal(), name="bank"
)
'''

TRANSFERS = '''"""Money from one account to another."""

from netflux_nb import function

from src.context import bank


@function(
    reads=["accounts", "global.most"], writes=["accounts"], raises=[ValueError]
)
def transfer(src: str, dst: str, amount: int) -> int:
    """Move money, and give what is left.

    Args:
        src: Who pays.
        dst: Who is paid.
        amount: How much.
    """
    if not 0 < amount <= bank.global_ctx.most:
        raise ValueError(f"between 1 and {bank.global_ctx.most} can be moved")
    bank.accounts[src] -= amount
    bank.accounts[dst] += amount
    if bank.accounts[src] < 0:
        raise ValueError(f"{src} has not got {amount}")
    return bank.accounts[src]
'''

RECIPE = """# The rules over what the processes are given, and what they leave.
# `netflux-nb audit gen-spec` adds an entry for each process that has none.
process_recipes:
  transfer:
    inputs:
      - field: amount
        max: 1000
        level: B
        message: More than this is moved by a person
    outputs:
      - field: result
        min: 0
        level: S
    side_effects: []
    errors: [ValueError]
"""

SCHEMA = """# Written anew by `netflux-nb schema gen`, of the classes in src/context.py.
"""

WORKFLOW = """# Which process comes next.
states:
  IDLE:
    events:
      CMD_TX: PROCESSING
  PROCESSING:
    entry: transfer
    events:
      EVT_SUCCESS: DONE
      EVT_FAIL: IDLE
  DONE: {}
"""

FILES = {
    "main.py": MAIN,
    "src/__init__.py": '"""This project."""\n',
    "src/context.py": CONTEXT,
    "src/processes/__init__.py": '"""The processes of this project."""\n',
    "src/processes/transfers.py": TRANSFERS,
    "specs/audit_recipe.yaml": RECIPE,
    "specs/context_schema.yaml": SCHEMA,
    "workflows/day.yaml": WORKFLOW,
}
