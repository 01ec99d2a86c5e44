"""A step of a flow that looks something up first and reasons about it afterwards, as one Function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ..core.errors import NetfluxError, listed
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction, Function
from ..determinism.levels import checked, fingerprint, reasoning_seed
from ..func_lib.wrappers import taking
from .manifest import ConfigurationError, as_configuration, word
from .step_artifacts import artifacts_of, listed_in

EvidenceDeterminism = Literal["deterministic", "sampled", "external"]
EVIDENCE: tuple[EvidenceDeterminism, ...] = get_args(EvidenceDeterminism)
MOST_EVIDENCE = 10_000
SAID = 80


class RetrievalFailure(NetfluxError):  # noqa: N818  the seed's name
    """What was looked up is nothing, or not what its contract says."""


class ReasoningFailure(NetfluxError):  # noqa: N818  the seed's name
    """What came of reasoning is no bundle of claims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalRequest:
    """What a step looks up, and what it may be given.

    Args:
        query: What is looked for.
        vector_contract_id: The contract that what is found is under.
        top_k: The most that may be found.
        scope: Where it is looked for.
        determinism: The most that what is found may vary: "deterministic" always comes out the
            same, "sampled" is drawn, "external" is somebody else's.
    """

    query: str
    vector_contract_id: str
    top_k: int = 5
    scope: str = ""
    determinism: EvidenceDeterminism = "sampled"

    def __post_init__(self) -> None:
        word("query", self.query)
        word("vector_contract_id", self.vector_contract_id)
        with as_configuration():
            checked("determinism", self.determinism, EVIDENCE)
        if type(self.top_k) is not int or not 0 < self.top_k <= MOST_EVIDENCE:
            raise ConfigurationError(f"top_k is from 1 to {MOST_EVIDENCE:,}, got {self.top_k!r}.")

    def to_json(self) -> dict[str, Any]:
        """Give what a retrieving Function may ask for."""
        return {
            "query": self.query,
            "top_k": self.top_k,
            "scope": self.scope,
            "vector_contract_id": self.vector_contract_id,
        }


def step(
    name: str,
    run: Function,
    *,
    request: RetrievalRequest | None = None,
    retrieve: Function | None = None,
    enforce_contract: Function | None = None,
    reason: Function | None = None,
) -> CodeFunction:
    """Make the Function of a flow's agent out of the Functions that it is done with.

    Called, it looks up what `request` says, lets the contract be judged, runs the agent on the
    evidence, and lets what came of it be reasoned about: each a call of its own in the tree. It
    gives `{"result", "evidence", "reasoning"}`. The flow verifies the claims of the reasoning.

    Args:
        name: The agent's name in the flow.
        run: What the agent does; it may ask for all that a flow's agent may, and `evidence`.
        request: What is looked up first.
        retrieve: Looks it up: of `query`, `top_k`, `scope`, `vector_contract_id` it is given
            what it asks for. It gives dicts with `evidence_id`, `source_uri`, `content`,
            `determinism`, `vector_contract_id`, and maybe `score`.
        enforce_contract: Says of `contract_id` and `evidence` whether it holds.
        reason: Of `agent_outputs`, `evidence` and `seed`, gives a dict with `claims`.

    Example:
        >>> from netflux_nb import function
        >>> @function
        ... def writes(evidence: list) -> str:
        ...     return f"{len(evidence)} found"
        >>> @function
        ... def looks(query: str) -> list:
        ...     return [{"evidence_id": "e1", "source_uri": "x:1", "content": query,
        ...              "determinism": "deterministic", "vector_contract_id": "v1"}]
        >>> asked = RetrievalRequest(query="rain", vector_contract_id="v1",
        ...                          determinism="deterministic")
        >>> step("report", writes, request=asked, retrieve=looks).name
        'report'
    """
    own = [arg for arg in run.args if arg.name not in ("evidence", "seed")]
    _check(name, run, request, retrieve, enforce_contract, reason)

    async def body(ctx: Any, /, **given: Any) -> dict[str, Any]:
        found = list(given["evidence"])
        if request is not None and retrieve is not None:
            got = await ctx.invoke(retrieve, _asked(retrieve, request.to_json()))
            mine = evidence_of(request, got)
            if enforce_contract is not None:
                judged = {"contract_id": request.vector_contract_id, "evidence": mine}
                if await ctx.invoke(enforce_contract, _asked(enforce_contract, judged)) is not True:
                    raise RetrievalFailure(
                        f"The contract {request.vector_contract_id[:SAID]!r} does not hold for "
                        f"what {retrieve.name}() found."
                    )
            found += mine
        value = await ctx.invoke(run, _asked(run, {**given, "evidence": found}))
        bundle = None
        if reason is not None:
            outputs = _outputs(name, value)
            hashes = [str(one.get("content_hash", "")) for one in found if _is_told(one)]
            drawn = reasoning_seed([one["content_hash"] for one in outputs], hashes)
            told = {"agent_outputs": outputs, "evidence": found, "seed": drawn}
            bundle = await ctx.invoke(reason, _asked(reason, told))
            check_bundle(reason.name, bundle)
        return {"result": value, "evidence": found, "reasoning": bundle}

    args = [*own, FunctionArg("evidence", list[Any]), FunctionArg("seed", int)]
    return CodeFunction(
        name=name,
        desc=run.desc,
        args=args,
        callable=taking(args, body),
        uses=[fn for fn in (retrieve, enforce_contract, run, reason) if fn is not None],
    )


# What each kind of callable may ask for.
_OFFERED: Mapping[str, Sequence[str]] = {
    "retrieve": ("query", "top_k", "scope", "vector_contract_id"),
    "enforce_contract": ("contract_id", "evidence"),
    "reason": ("agent_outputs", "evidence", "seed"),
}


def _check(name: str, run: Function, request: RetrievalRequest | None, *others: Any) -> None:
    named = dict(zip(_OFFERED, others, strict=True))
    retrieve = named["retrieve"]
    if (request is None) != (retrieve is None):
        raise ConfigurationError(
            f"{name[:SAID]!r} looks something up with both or none: "
            f"`request=` says what, `retrieve=` does it."
        )
    if named["enforce_contract"] is not None and retrieve is None:
        raise ConfigurationError(f"{name[:SAID]!r} has a contract to enforce, and no `retrieve=`.")
    for kind, fn in named.items():
        if fn is None:
            continue
        strange = [a.name for a in fn.args if a.required and a.name not in _OFFERED[kind]]
        if strange:
            raise ConfigurationError(
                f"{fn.name}() asks for {strange[0]!r}. To {kind}, it is given "
                f"{listed(_OFFERED[kind])}."
            )
    if request is not None and request.determinism != "deterministic" and retrieve.effect is None:
        raise ConfigurationError(
            f"{retrieve.name}() may give something else each time: define it with "
            f'`effect="retrieval"`, or ask for what is deterministic.'
        )
    if name in (run.name, *(fn.name for fn in named.values() if fn is not None)):
        raise ConfigurationError(f"{name[:SAID]!r} is the step's name: name {name[:SAID]}() else.")


def _asked(fn: Function, known: Mapping[str, Any]) -> dict[str, Any]:
    return {arg.name: known[arg.name] for arg in fn.args if arg.name in known}


def evidence_of(request: RetrievalRequest, found: Any) -> list[dict[str, Any]]:
    """Give what was found with the hash of its content, or raise `RetrievalFailure`."""
    if not isinstance(found, (list, tuple)) or not found:
        raise RetrievalFailure(f"Nothing was found for {request.query[:SAID]!r}.")
    if len(found) > request.top_k:
        raise RetrievalFailure(f"{len(found):,} were found, of {request.top_k:,} asked for.")
    made = [_evidence(request, one) for one in found]
    ids = [one["evidence_id"] for one in made]
    if len(set(ids)) < len(ids):
        twice = sorted({name for name in ids if ids.count(name) > 1})
        raise RetrievalFailure(f"Evidence is found once each, twice is: {listed(twice)}.")
    return made


def _evidence(request: RetrievalRequest, one: Any) -> dict[str, Any]:
    if not _is_told(one) or not isinstance(one["evidence_id"], str) or not one["evidence_id"]:
        raise RetrievalFailure("Evidence is a dict with an `evidence_id`; this is none.")
    whose = f"Evidence {one['evidence_id'][:SAID]!r}"
    contract = one.get("vector_contract_id")
    if contract != request.vector_contract_id:
        raise RetrievalFailure(
            f"{whose} is under the contract {str(contract)[:SAID]!r}, asked for was "
            f"{request.vector_contract_id[:SAID]!r}."
        )
    varies = one.get("determinism")
    if varies not in EVIDENCE:
        raise RetrievalFailure(f"{whose} is {str(varies)[:SAID]!r}, none of {', '.join(EVIDENCE)}.")
    if EVIDENCE.index(varies) > EVIDENCE.index(request.determinism):
        raise RetrievalFailure(f"{whose} is {varies}; the request takes {request.determinism}.")
    try:
        digest = fingerprint(one.get("content"))
    except ValueError as error:
        raise RetrievalFailure(f"{whose} has no hash: {str(error)[:200]}") from None
    score = one.get("score")
    is_number = isinstance(score, (int, float)) and not isinstance(score, bool)
    return {
        "evidence_id": one["evidence_id"],
        "source_uri": str(one.get("source_uri") or ""),
        "content": one.get("content"),
        "content_hash": digest,
        "determinism": varies,
        "vector_contract_id": contract,
        "score": float(score) if is_number and score is not None else None,
    }


def _is_told(one: Any) -> bool:
    return isinstance(one, Mapping) and "evidence_id" in one


def _outputs(name: str, value: Any) -> list[dict[str, Any]]:
    listed = listed_in(value) or [{"artifact_id": name, "content": value}]
    hashed = artifacts_of(name, value)
    return [
        {**one, "content_hash": made.content_hash} for one, made in zip(listed, hashed, strict=True)
    ]


def check_bundle(name: str, bundle: Any) -> None:
    """Raise `ReasoningFailure` where a result is no bundle of claims for the audit."""
    claims = bundle.get("claims") if isinstance(bundle, Mapping) else None
    if not isinstance(claims, (list, tuple)):
        raise ReasoningFailure(f"{name}() gives a dict with `claims`, a list; this is none.")
    for what, wanted in (("artifact_type", "reasoning_bundle"), ("scope", "audit")):
        if bundle.get(what, wanted) != wanted:
            raise ReasoningFailure(f"{name}() gives {what} {wanted!r}, not {bundle[what]!r:.80}.")
