"""Reading the statement in an envelope."""

from pydantic import ValidationError

from medunlearn.errors import Fault
from medunlearn.receipts.envelope import PAYLOAD_TYPE, Envelope
from medunlearn.receipts.schema import PREDICATE_TYPE, STATEMENT_TYPE, Statement
from medunlearn.receipts.strict_json import parsed


def read_statement(envelope: Envelope) -> Statement:
    """Return the statement in an envelope, checked against its schema.

    Raises:
        Fault: If there is none, or this version cannot read it.
    """
    if envelope.payload_type != PAYLOAD_TYPE:
        raise Fault(f"its payload is {envelope.payload_type[:80]!r}, not {PAYLOAD_TYPE}; bring the receipt back")
    content = parsed(envelope.body())
    for key, known in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if content.get(key) != known:
            raise Fault(
                f"its {key} is {str(content.get(key))[:80]!r}, not {known}; read it with the version that wrote it"
            )
    try:
        return Statement.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:200]
        raise Fault(f"{place}: {first['msg']}; bring the receipt back") from None
