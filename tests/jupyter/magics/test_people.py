"""Questions to people in real kernels: typed in the cell, answered beside it, or pending."""

import pytest
from kernels import INSTALL, PYTHONS, Kernel

DEFINE = (
    INSTALL
    + """
import threading, time
from netflux_nb import PendingError, function, runs, session
from netflux_nb.jupyter.magics import people

def pay(amount: int) -> str:
    return f"paid {amount}"

pay = function(needs_approval=True)(pay)

@function
async def ask(ctx, question: str, choices: list[str] = []) -> str:
    return repr(await ctx.ask(question, choices))

@function(uses=[pay])
def shop(amount: int) -> str:
    return pay(amount)

"""
)


@pytest.fixture(scope="module", params=PYTHONS, ids=lambda p: p.split("/")[-3])
def shared(request, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    kernel = Kernel(request.param, NETFLUX_HOME=str(store), JUPYTERHUB_USER="ada")
    kernel.store = store
    kernel.run(DEFINE)
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(shared):
    yield shared
    shared.run("for root in session.roots():\n    root.cancel()")


def typed(kernel, code, *answers):
    """Run a cell and type an answer to each prompt; give the cell and the prompts."""
    cell = kernel.begin(code, stdin=True)
    for n, answer in enumerate(answers, 1):
        kernel.until(cell, lambda n=n: len(cell.prompts) == n)
        kernel.type(answer)
    return kernel.end(cell)


ANSWERS = {
    "yes": ("shop(3)", ["y"], "'paid 3'"),
    "yes after noise": ("shop(3)", ["", "sure", "YES"], "'paid 3'"),
    "text": ("ask('Who?')", ["the other one"], "the other one"),
    "a number of a choice": ("ask('Which?', ['red', 'blue'])", ["2"], "blue"),
    "the words of a choice": ("ask('Which?', ['red', 'blue'])", ["green", "red"], "red"),
    "a choice that reads like a number": ("ask('How many?', ['2', '1'])", ["1"], "'1'"),
    "awaited": ("await shop.start(4)", ["y"], "'paid 4'"),
    "of a background run that is waited for": ("shop.start(5).result()", ["y"], "'paid 5'"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "answers", "value"), ANSWERS.values(), ids=ANSWERS)
def test_a_cell_that_blocks_asks(kernel, code, answers, value):
    cell = typed(kernel, code, *answers)

    assert cell.error is None, cell.error
    assert value in cell.text


@pytest.mark.slow
def test_a_question_shows_what_would_run(kernel):
    cell = typed(kernel, "shop(3)", "y")

    first = cell.prompts[0]
    assert first == (
        "shop/pay asks: pay(amount=3) needs a person's approval\nApprove? y/n, w for the whole: "
    )


@pytest.mark.slow
def test_a_no_has_a_reason_and_is_recorded_with_who_and_when(kernel):
    cell = typed(kernel, "shop(3)", "n", "too much")

    assert cell.error["ename"] == "RejectedError"
    assert "was rejected by ada (as the Hub says): too much" in cell.error["evalue"]
    row = kernel.run(
        "row = runs.last.sql('SELECT * FROM approvals ORDER BY time DESC').iloc[0]\n"
        "print(row.answered_by, row.answer, row.reason, row.seconds > 0)"
    )
    assert row.text.endswith("ada false too much True\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", ["shop(3)", "await shop.start(3)", "run = shop.start(3)\nrun.wait()"]
)
def test_nobody_to_ask_is_pending_and_the_run_is_kept(kernel, code):
    cell = kernel.end(kernel.begin(code))

    assert cell.error["ename"] == "PendingError"
    assert len(cell.error["traceback"]) == 2
    assert "shop/pay asks: pay(amount=3)" in cell.error["traceback"][0]
    assert "%nf resume" in cell.error["traceback"][1]
    assert kernel.run("print(people.approve())\nprint(runs.last.result())").text.endswith(
        "shop/pay was approved.\npaid 3\n"
    )


@pytest.mark.slow
def test_an_answer_from_elsewhere_ends_what_is_typed(kernel, tmp_path):
    go = tmp_path / "go"
    kernel.run(
        "def later():\n    import pathlib\n"
        f"    while not pathlib.Path({str(go)!r}).exists():\n        time.sleep(0.01)\n"
        "    people.approve(by='bob')\n"
    )
    cell = kernel.begin("threading.Thread(target=later).start()\nshop(7)", stdin=True)

    kernel.until(cell, lambda: cell.prompts)
    go.touch()
    kernel.end(cell)

    assert cell.error is None, cell.error
    assert "answered elsewhere" in cell.text
    assert "paid 7" in cell.text


@pytest.mark.slow
@pytest.mark.parametrize("code", ["shop(3)", "await shop.start(3)"])
def test_a_press_breaks_a_question_and_stops_the_run(kernel, code):
    cell = kernel.begin(code, stdin=True)
    kernel.until(cell, lambda: cell.prompts)

    kernel.stop()
    kernel.end(cell)

    assert cell.error["ename"] == "Interrupted"
    assert kernel.run("print(runs.last.state.value)").text.endswith("Canceled\n")


@pytest.mark.slow
def test_what_waits_is_listed_and_answered_by_its_number(kernel):
    kernel.run(
        "one, two = shop.start(1), shop.start(2)\nasked = ask.start('Who <b>?')\n"
        "while len(people.pending()) < 3:\n    time.sleep(0.01)"
    )

    page = kernel.run(
        "found = people.pending()\nprint(sorted((q.path, q.kind) for q in found), found.shown.html.count('<b>'))\n"
        "numbers = {q.what[:14]: q.number for q in found}\n"
        "people.reject(numbers['pay(amount=1) '], 'no')\npeople.approve(numbers['pay(amount=2) '])\n"
        "people.answer('ask', 'me')\n"
        "print(two.result(), asked.result(), type(one.root.exception).__name__ if one.wait() else '')"
    ).text

    assert "[('ask', 'answer'), ('shop/pay', 'approval'), ('shop/pay', 'approval')] 0" in page
    assert page.endswith("paid 2 'me' RejectedError\n")


@pytest.mark.slow
def test_q74_a_number_is_of_a_question_and_not_of_its_node(kernel):
    page = kernel.run(
        "from netflux_nb.core.policy import Admit, Hold, WaitingOn\n"
        "from netflux_nb import Approvals, Runtime, NoNodeError, use\n"
        "class Dearer:\n"
        "    moments = frozenset({Admit})\n"
        "    def __call__(self, moment):\n"
        "        on = WaitingOn('approval', 'It costs $900 more. Yes?')\n"
        "        is_pay = moment.node.fn.name == 'pay'\n"
        "        return Hold(on) if is_pay and not moment.answers.to(on) else None\n"
        "from netflux_nb import session\n"
        "before = session.default_runtime()\n"
        "use(Runtime(is_open=True, policies=[Approvals(), Dearer()]))\n"
        "run = shop.start(3)\n"
        "while not people.pending():\n    time.sleep(0.01)\n"
        "first = people.pending()[0]\n"
        "whole = str(people.full_question(first.number))\n"
        "people.approve(first.number)\n"
        "second = people.pending()[0]\n"
        "try:\n    people.approve(first.number)\nexcept NoNodeError as error:\n    said = str(error)\n"
        "print(first.number != second.number, second.what, '|', said, '|', whole)\n"
        "people.approve(second.number)\ncame = run.result()\nuse(before)\nprint(came)"
    ).text

    assert "True It costs $900 more. Yes? | Nothing called '" in page
    assert "│ pay(amount=3) needs a person's approval\namount, 1 characters:\n│ 3" in page
    assert page.endswith("paid 3\n")


@pytest.mark.slow
def test_a_second_answer_is_told_who_came_first_and_when(kernel):
    kernel.run(
        "run = shop.start(1)\nwhile not people.pending():\n    time.sleep(0.01)\n"
        "number = people.pending()[0].number\npeople.approve(number)\nrun.result()"
    )

    cell = kernel.end(kernel.begin("people.reject(number, 'too late')"))

    assert cell.error["ename"] == "NoNodeError"
    assert "It was answered by 'ada', at " in cell.error["evalue"]
    assert "UTC: yes" in cell.error["evalue"]


MISTAKES = {
    "nothing waits": ("people.approve()", "Nothing waits for an approval. `%nf pending`"),
    "no such number": ("people.answer(99, 1)", "'99' waits for an answer"),
    "nothing runs": ("people.cancel()", "Nothing runs here."),
}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_two_lines_at_most(kernel, code, says):
    cell = kernel.end(kernel.begin(code))

    assert len(cell.error["traceback"]) <= 2
    assert says in cell.error["traceback"][0]


@pytest.mark.slow
def test_a_run_that_was_killed_while_it_waited_is_asked_about_again(shared):
    if shared.manager.kernel_spec.argv[0] != PYTHONS[0]:
        pytest.skip("once is enough")
    first = Kernel(NETFLUX_HOME=str(shared.store))
    first.run(DEFINE + "\nrun = shop.start(9)\nwhile not people.pending():\n    time.sleep(0.01)")
    first.close()

    text = shared.run(
        "[left] = [q for q in people.pending() if 'amount=9' in q.what]\n"
        "print(left.number, left.path, left.line)\n"
        "again = runs[left.run].resume()\nwhile not again.pending():\n    time.sleep(0.01)\n"
        "again.approve()\nprint(again.result(), len(people.pending()))"
    ).text

    assert "None shop/…/pay %nf resume" in text
    assert text.endswith("paid 9 0\n")


@pytest.mark.slow
def test_a_choice_is_answered_by_what_was_typed_for_it(kernel):
    kernel.run("run = ask.start('How many?', ['2', '1'])")
    text = kernel.run("print(people.answer(None, 2))\nprint(run.result())").text
    assert text.endswith("ask was answered.\n'2'\n")


@pytest.mark.slow
def test_what_had_ended_is_not_said_to_be_stopped(kernel):
    kernel.run(
        "run = shop.start(3)\nwhile not people.pending():\n    time.sleep(0.01)\npeople.approve()\nrun.wait()"
    )
    assert kernel.run("print(people.cancel(run))").text.endswith(
        "shop had ended already: Success.\n"
    )


@pytest.mark.slow
def test_what_nobody_asked_is_named(kernel):
    cell = kernel.end(kernel.begin("people.approve(99)"))
    assert cell.error["evalue"] == (
        "Nothing called '99' waits for an approval. `%nf pending` lists what waits."
    )
    cell = kernel.end(kernel.begin("people.approve()"))
    assert cell.error["evalue"].startswith("Nothing waits for an approval.")


MONEY = """
%load_ext netflux_nb
import netflux_nb.core.bill as bill
from netflux_nb import TokenUsage, agent, runs, session, use
from netflux_nb.core.messages import ModelReply, ModelTextPart

class Prices:
    source = "ours"
    def __call__(self, provider, model, usage, time):
        return usage.total / 1_000

bill.prices.fill(Prices())

class Reader:
    async def reply(self, request, emit):
        usage = TokenUsage(input_tokens_total=500, input_tokens_regular=500, output_tokens_total=500)
        return ModelReply(parts=(ModelTextPart("said"),), usage=usage, model="m")

use(mine=Reader())
say = agent("say(text: str) -> str", "{text}", model="mine")
"""


@pytest.fixture
def start(tmp_path):
    """Start kernels on one record."""
    made = []

    def begin():
        made.append(Kernel(NETFLUX_HOME=str(tmp_path), JPY_SESSION_NAME="/study.ipynb"))
        made[-1].run(MONEY)
        return made[-1]

    yield begin
    for one in made:
        one.close()


@pytest.mark.slow
def test_p6_a_restarted_kernel_has_what_is_left_of_its_cap(start):
    start().run("say('a'), say('b'), say('c')")
    second = start()
    assert second.run("print(session.spent())").text == "$3.0000 today of $5.00\n"
    second.run("say('d')\n%config NetfluxNB.cap_usd = 4.9")

    cell = second.end(second.begin("say('e')"))

    assert cell.error["ename"] == "BudgetError"
    assert "$4.0000 of this notebook's $4.90 for today are spent" in cell.error["evalue"]
    assert "`%config NetfluxNB.cap_usd" in cell.error["evalue"]
    second.run("%config NetfluxNB.cap_usd = 9.0\nsay('e')")
    shown = second.run("print(get_ipython().run_line_magic('nf', ''))").text
    assert "$5.00 spent today of $9.00" in shown


@pytest.mark.slow
def test_p6_a_map_above_the_cap_begins_nothing(start):
    kernel = start()

    cell = kernel.end(kernel.begin("say.map([str(n) * 2000 for n in range(100)])"))

    assert cell.error["ename"] == "BudgetError"
    assert "Nothing was begun" in cell.error["evalue"]
    assert kernel.run("print(len(runs))").text == "0\n"
    assert "say.map: 2 calls; $" in kernel.run("m = say.map(['a', 'b'])").text
    assert "<say.map: 2 of 2 done" in kernel.run("print(repr(m))").text
