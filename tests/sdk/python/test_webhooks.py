"""Webhooks as the official client verifies and reads them: signatures, retries, and what the simulator does wrong on
purpose."""

import contextlib
import http.server
import queue
import threading
import time

import stripe

from support import Judge, admin, client, fault, settings, unique

# Longest wait for a webhook, in seconds.
WEBHOOK_WAIT_S_MAX = 20
WRONG = stripe.SignatureVerificationError


class _Shop(http.server.BaseHTTPRequestHandler):
    """A merchant's endpoint that does what the official client's documentation says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        header = self.headers["Stripe-Signature"]
        try:
            event = stripe.Webhook.construct_event(body, header, self.server.secret)
            status = 200
        except WRONG as error:
            event, status = error, 400
        self.server.received.put((event, body, header))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


class Webhooks(Judge):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
        self.server.daemon_threads = True
        self.server.received, self.server.secret = queue.Queue(), ""
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_port}/{unique()}"
        self.endpoint = self.stripe.webhook_endpoints.create({"url": self.url, "enabled_events": ["*"]})
        self.server.secret = self.endpoint.secret
        self.addCleanup(self.stripe.webhook_endpoints.delete, self.endpoint.id)

    def next(self):
        """The next webhook: the event, or the client's complaint; its body; its header."""
        return self.server.received.get(timeout=WEBHOOK_WAIT_S_MAX)

    def events(self, count):
        """The next webhooks, all of them accepted, by their type."""
        found = [self.next()[0] for _ in range(count)]
        for event in found:
            self.assertIsInstance(event, stripe.Event)
        return {event.type: event for event in found}

    @contextlib.contextmanager
    def quick_retries(self):
        with settings(webhook_retry_ms=[10] * 5):
            yield

    def test_every_step_of_a_payment_is_told_and_verified(self):
        intent = self.paid()
        events = self.events(3)
        self.assertEqual(set(events), {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"})
        for event in events.values():
            self.assert_typed(event)
            self.assertEqual(event.data.object.to_dict()["object"], event.type.split(".")[0])
            self.assertEqual(self.stripe.events.retrieve(event.id).data.to_dict(), event.data.to_dict())
        self.assertEqual(events["payment_intent.succeeded"].data.object.id, intent.id)
        self.assertIsInstance(events["charge.succeeded"].data.object.payment_intent, str, "an event shows references as ids")

    def test_the_clients_other_verifier_takes_them_too(self):
        self.stripe.customers.create()
        event, body, header = self.next()
        self.assertEqual(event.type, "customer.created")
        parsed = client().construct_event(body, header, self.endpoint.secret)
        self.assertEqual(parsed.id, event.id)
        for wrong in (body + b" ", body.replace(b"customer", b"Customer", 1)):
            with self.assertRaises(WRONG):
                client().construct_event(wrong, header, self.endpoint.secret)
        with self.assertRaises(WRONG):
            client().construct_event(body, header, self.endpoint.secret + "x")

    def test_acknowledged_events_are_not_pending(self):
        self.stripe.customers.create()
        event, _, _ = self.next()
        self.assertEqual(event.pending_webhooks, 1)
        deadline = time.monotonic() + WEBHOOK_WAIT_S_MAX
        while self.stripe.events.retrieve(event.id).pending_webhooks != 0:
            self.assertLess(time.monotonic(), deadline)

    def test_a_bad_signature_and_an_old_time_are_refused_and_put_right(self):
        for kind, complaint in (("webhook_bad_signature", "No signatures found"), ("webhook_old_timestamp", "Timestamp outside the tolerance")):
            with self.subTest(kind), self.quick_retries(), fault(kind, endpoint=self.endpoint.id, times=2):
                self.stripe.customers.create()
                first, second, third = (self.next()[0] for _ in range(3))
                self.assertIsInstance(first, WRONG)
                self.assertIn(complaint, str(first))
                self.assertIsInstance(second, WRONG)
                self.assertEqual(third.type, "customer.created")

    def test_both_secrets_verify_while_a_secret_is_rolled(self):
        rolled = admin("POST", "webhook_endpoints/roll", {"endpoint": self.endpoint.id, "overlap_ms": 60_000})
        self.assertNotEqual(rolled["secret"], self.endpoint.secret)
        self.stripe.customers.create()
        event, body, header = self.next()
        self.assertEqual((event.type, header.count("v1=")), ("customer.created", 2))
        self.assertEqual(stripe.Webhook.construct_event(body, header, rolled["secret"]).id, event.id)
        admin("POST", "webhook_endpoints/roll", {"endpoint": self.endpoint.id, "overlap_ms": 0})
        self.stripe.customers.create()
        self.assertIsInstance(self.next()[0], WRONG, "without an overlap the old secret verifies nothing")

    def test_duplicates_have_one_id(self):
        with fault("webhook_duplicate", endpoint=self.url, times=2):
            self.stripe.customers.create()
        self.assertEqual(len({self.next()[0].id for _ in range(3)}), 1)

    def test_a_type_and_a_status_that_nobody_knows_can_be_read(self):
        with fault("webhook_unknown_type", endpoint=self.endpoint.id), fault("webhook_unknown_enum", endpoint=self.endpoint.id):
            self.intent()
        events = self.events(2)
        known = events.pop("payment_intent.created")
        (unknown,) = events.values()
        self.assertEqual(unknown.data.object.id, known.data.object.id)
        self.assertEqual(self.stripe.payment_intents.retrieve(known.data.object.id).status, "requires_payment_method")
        self.assertNotEqual(known.data.object.status, "requires_payment_method")

    def test_a_missing_webhook_is_found_in_the_list(self):
        with fault("webhook_missing", endpoint=self.endpoint.id):
            missed = self.stripe.customers.create()
        self.stripe.customers.create()
        self.assertNotEqual(self.next()[0].data.object.id, missed.id)
        undelivered = self.stripe.events.list({"delivery_success": False, "type": "customer.created", "limit": 5})
        self.assertIn(missed.id, [event.data.object.id for event in undelivered.data])

    def test_an_early_webhook_comes_before_the_answer(self):
        with fault("webhook_early", endpoint=self.endpoint.id):
            intent = self.intent()
        # It was answered before the answer came, so it is here already.
        event, _, _ = self.server.received.get_nowait()
        self.assertEqual(event.data.object.id, intent.id)


class RevokedKeys(Judge):
    def test_a_revoked_key_is_an_authentication_error_until_it_is_restored(self):
        key = unique("sk_test_")
        own = client(key).v1
        own.balance.retrieve()
        admin("POST", "credentials", {"revoke": key})
        with self.refused(stripe.AuthenticationError, "api_key_expired", http_status=401):
            own.balance.retrieve()
        self.stripe.balance.retrieve()
        admin("POST", "credentials", {"restore": key})
        own.balance.retrieve()
