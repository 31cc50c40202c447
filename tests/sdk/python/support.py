"""What every judge in this folder stands on: the simulator's address, official clients, its clock, its faults, a
browser for challenge pages, and a check of answers against the types that the official client declares."""

import contextlib
import html.parser
import json
import os
import pathlib
import typing
import unittest
import urllib.error
import urllib.parse
import urllib.request
import uuid

import stripe

# No proxy of the environment stands between a judge and a simulator on loopback.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
API_KEY = "sk_test_bezant_judge"
# Longest wait for an answer of the simulator, in seconds.
ANSWER_WAIT_S_MAX = 30
SECOND_MS = 1_000
DAY_MS = 24 * 3_600 * SECOND_MS
# A lag that no run of a test outlasts, so that only the simulator's clock can end it.
SEARCH_LAG_MS = 3_600 * SECOND_MS


def simulator_url():
    """Where the simulator listens."""
    return os.environ["BEZANT_SIMULATOR_URL"].rstrip("/")


def client(api_key=API_KEY, retries=0, **options):
    """The official client, pointed at the simulator; nothing else about it is changed."""
    return stripe.StripeClient(api_key, base_addresses={"api": simulator_url()}, max_network_retries=retries, **options)


def admin(method, path, body=None, query=""):
    """One call of the simulator's own interface, below /_admin/."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{simulator_url()}/_admin/{path}{query}", data, {"Content-Type": "application/json"}, method=method)
    try:
        with OPENER.open(request, timeout=ANSWER_WAIT_S_MAX) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} /_admin/{path}: {error.code} {error.read().decode(errors='replace')}") from None


def advance(milliseconds):
    """Moves the simulator's clock; whatever is due by then has happened when this returns."""
    admin("POST", "advance", {"ms": milliseconds})


def truth_of(reference):
    """The charges whose money really moved under `metadata[order_id]`."""
    charges = admin("GET", "truth", query="?limit=100000")["charges"]
    return [charge for charge in charges if charge["metadata"].get("order_id") == reference]


@contextlib.contextmanager
def settings(**changes):
    """Changes the simulator's configuration for a while."""
    before = admin("GET", "config")
    admin("POST", "config", before | changes)
    try:
        yield
    finally:
        admin("POST", "config", before)


@contextlib.contextmanager
def fault(kind, **conditions):
    """Lets requests fail for a while."""
    admin("POST", "faults", {"kind": kind} | conditions)
    try:
        yield
    finally:
        admin("DELETE", "faults")


def unique(prefix="judge"):
    """A text that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:20]}"


def test_cards():
    """Stripe's published test cards, or a skipped test where they are not at hand."""
    below_root = pathlib.Path(__file__).resolve().parents[3].parent / "shared" / "samples"
    folder = pathlib.Path(os.environ.get("BEZANT_SAMPLES") or below_root)
    path = folder / "stripe" / "test-cards.json"
    if not path.is_file():
        raise unittest.SkipTest(f"no test cards at {path}; set BEZANT_SAMPLES")
    return json.loads(path.read_text())["cards"]


class _Form(html.parser.HTMLParser):
    """The first form of a page: where it goes, how, and what its buttons send."""

    def __init__(self):
        super().__init__()
        self.action, self.method, self.fields, self.buttons = "", "get", {}, {}

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.action, self.method = attributes.get("action") or "", (attributes.get("method") or "get").lower()
        elif tag == "input" and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "button" and attributes.get("name"):
            self.buttons[attributes["value"]] = attributes["name"]


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A browser that tells where it would be sent, and does not go."""

    def redirect_request(self, *_arguments, **_more):
        return None


def challenge(url, result):
    """Opens a challenge page and presses a button, `success` or `fail`; gives the address that the customer is sent to."""
    with OPENER.open(url, timeout=ANSWER_WAIT_S_MAX) as page:
        assert page.headers.get_content_type() == "text/html", "a challenge is a page for people"
        form = _Form()
        form.feed(page.read().decode())
    assert form.method == "post" and result in form.buttons, f"no form with a button for {result}"
    body = urllib.parse.urlencode(form.fields | {form.buttons[result]: result}).encode()
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere())
    try:
        with browser.open(urllib.parse.urljoin(url, form.action), body, timeout=ANSWER_WAIT_S_MAX):
            return None
    except urllib.error.HTTPError as redirect:
        if redirect.code not in (302, 303):
            raise
        return redirect.headers["Location"]


def _hints(cls):
    """The types of a class's fields as the official client declares them, its forward references resolved."""
    names = {}
    while True:
        try:
            return typing.get_type_hints(cls, globalns=vars(typing) | names)
        except NameError as error:
            name = error.name
            names[name] = getattr(stripe, name, None) or getattr(stripe, name.removesuffix("Resource"), typing.Any)


_HINTS = {}


def type_problems(value, hint, place="answer"):
    """Where a value is not what the official client's own type says, as sentences."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any or isinstance(hint, typing.TypeVar):
        return []
    if origin is typing.Union:
        if value is None:
            return [] if type(None) in arguments else [f"{place} is null"]
        choices = [argument for argument in arguments if argument is not type(None)]
        if isinstance(value, stripe.StripeObject):
            # An expanded object is judged as the object that it may be, not as the id.
            choices = [argument for argument in choices if argument is not str] or choices
        return min((type_problems(value, choice, place) for choice in choices), key=len)
    if origin is typing.Literal:
        return [] if value in arguments else [f"{place} is {value!r}, not one of {arguments}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{place} is no list"]
        return [problem for index, item in enumerate(value) for problem in type_problems(item, arguments[0], f"{place}[{index}]")]
    if isinstance(origin, type) and issubclass(origin, (stripe.ListObject, stripe.SearchResultObject)):
        return [problem for index, item in enumerate(value.data) for problem in type_problems(item, arguments[0], f"{place}.data[{index}]")]
    if origin is not None:
        return [] if isinstance(value, (dict, stripe.StripeObject)) else [f"{place} is no object"]
    if isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        return _object_problems(value, hint, place)
    if hint is float:
        return [] if isinstance(value, (int, float)) and not isinstance(value, bool) else [f"{place} is {value!r}, no number"]
    if hint in (int, str, bool):
        return [] if type(value) is hint else [f"{place} is {str(value)[:100]!r}, no {hint.__name__}"]
    return []


def _object_problems(value, cls, place):
    if not isinstance(value, stripe.StripeObject):
        return [f"{place} is {str(value)[:100]!r}, no {cls.__name__}"]
    if cls not in _HINTS:
        _HINTS[cls] = _hints(cls)
    problems = []
    for name, hint in _HINTS[cls].items():
        if name.startswith("_") or typing.get_origin(hint) is typing.ClassVar or name in ("api_key", "stripe_version", "stripe_account"):
            continue
        name = cls._field_remappings.get(name, name) if hasattr(cls, "_field_remappings") else name
        if name in value:
            problems += type_problems(value[name], hint, f"{place}.{name}")
        elif type(None) not in typing.get_args(hint):
            problems.append(f"{place}.{name} is missing")
    return problems


class Judge(unittest.TestCase):
    """A test with what most of them need."""

    maxDiff = None

    def setUp(self):
        self.stripe = client().v1

    def assert_typed(self, value):
        """The answer is what the official client's own types say."""
        self.assertEqual(type_problems(value, type(value), getattr(value, "object", "answer")), [])
        return value

    def intent(self, **changes):
        """A payment intent for 10 EUR, card only."""
        parameters = {"amount": 1_000, "currency": "eur", "payment_method_types": ["card"]}
        return self.stripe.payment_intents.create(parameters | changes)

    def paid(self, **changes):
        """The same, paid with a card that works, its charge and balance transaction expanded."""
        common = {"confirm": True, "expand": ["latest_charge.balance_transaction"]}
        if "payment_method_data" not in changes:
            common["payment_method"] = "pm_card_visa"
        intent = self.intent(**(common | changes))
        self.assertEqual(intent.status, "succeeded")
        return intent

    def charge(self, intent):
        """A payment intent's last charge, as it is now."""
        charge = intent.latest_charge
        return self.stripe.charges.retrieve(charge if isinstance(charge, str) else charge.id)

    @contextlib.contextmanager
    def refused(self, kind, code=None, **more):
        """The statement raises the official client's error of that kind, with that code and a request id."""
        with self.assertRaises(kind) as caught:
            yield caught
        error = caught.exception
        self.assertRegex(error.request_id or "", r"^req_\w+$")
        if code is not None:
            # Not every kind of error of the client has the code as its own.
            self.assertEqual(error.code or getattr(error.error, "code", None), code)
        for name, expected in more.items():
            self.assertEqual(getattr(error, name), expected, name)
