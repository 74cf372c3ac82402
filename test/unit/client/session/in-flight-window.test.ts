import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {InFlightWindow, type SendStep} from '../../../../src/client/session/in-flight-window.ts';

const puback = (messageId: number, reasonCode = 0) => ({cmd: 'puback', messageId, reasonCode});
const pubrec = (messageId: number, reasonCode = 0) => ({cmd: 'pubrec', messageId, reasonCode});
const pubcomp = (messageId: number, reasonCode = 0) => ({cmd: 'pubcomp', messageId, reasonCode});

function drain<Value>(window: InFlightWindow<Value>): SendStep<Value>[] {
  const steps: SendStep<Value>[] = [];
  for (let step = window.next(); step !== undefined; step = window.next()) steps.push(step);
  return steps;
}

test('sends as many as fit, and the next on the first acknowledgement', () => {
  const window = new InFlightWindow<string>(2);
  for (const [index, value] of ['a', 'b', 'c'].entries()) window.add(index + 1, 1, value);
  assert.deepEqual(drain(window), [
    {kind: 'publish', messageId: 1, value: 'a', duplicate: false},
    {kind: 'publish', messageId: 2, value: 'b', duplicate: false},
  ]);
  assert.deepEqual(window.acknowledge(puback(2, 16)), {kind: 'done', value: 'b', reasonCode: 16});
  assert.deepEqual(drain(window), [{kind: 'publish', messageId: 3, value: 'c', duplicate: false}]);
  assert.equal(window.size, 2);
});

test('the smaller of the own maximum and the Receive Maximum counts', () => {
  for (const [maximum, receiveMaximum, expected] of [
    [20, 5, 5],
    [5, 20, 5],
    [0, 65_535, 1],
  ] as const) {
    const window = new InFlightWindow<number>(maximum);
    window.restart({sessionKept: false, receiveMaximum});
    for (let id = 1; id <= 10; id++) window.add(id, 1, id);
    assert.equal(drain(window).length, expected);
    assert.equal(window.room(), 0);
  }
});

test('what was sent by others takes room, and is sent again like all', () => {
  const window = new InFlightWindow<string>(3);
  assert.equal(window.room(), 3);
  window.addSent(1, 1, 'a');
  window.addSent(2, 1, 'b');
  assert.deepEqual([window.room(), window.isHolding], [1, false]);
  assert.deepEqual(drain(window), []);
  window.add(3, 1, 'c');
  window.add(4, 1, 'd');
  assert.deepEqual([window.room(), window.isHolding], [0, true]);
  assert.deepEqual(window.acknowledge(puback(1)), {kind: 'done', value: 'a', reasonCode: 0});
  window.restart({sessionKept: true, receiveMaximum: 2});
  assert.deepEqual([window.room(), window.isHolding], [0, true]);
  assert.deepEqual(drain(window), [
    {kind: 'publish', messageId: 2, value: 'b', duplicate: true},
    {kind: 'publish', messageId: 3, value: 'c', duplicate: false},
  ]);
});

test('a message at QoS 2 keeps its place until PUBCOMP', () => {
  const window = new InFlightWindow<string>(1);
  window.add(1, 2, 'a');
  drain(window);
  assert.deepEqual(window.acknowledge(pubcomp(1)), {kind: 'ignored'}, 'PUBCOMP before PUBREC');
  assert.deepEqual(window.acknowledge(puback(1)), {kind: 'mismatched', qos: 2}, 'PUBACK for QoS 2');
  assert.deepEqual(window.acknowledge(pubrec(1)), {kind: 'release', messageId: 1, known: true});
  assert.deepEqual(window.acknowledge(pubrec(1)), {kind: 'release', messageId: 1, known: true}, 'again');
  assert.equal(window.room(), 0);
  assert.deepEqual(window.acknowledge(pubcomp(1)), {kind: 'done', value: 'a', reasonCode: 0});
  assert.equal(window.room(), 1);
});

test('a PUBREC that refuses ends the message; one for nothing is answered', () => {
  const window = new InFlightWindow<string>(5);
  window.add(1, 2, 'a');
  drain(window);
  assert.deepEqual(window.acknowledge(pubrec(1, 151)), {kind: 'done', value: 'a', reasonCode: 151});
  assert.deepEqual(window.acknowledge(pubrec(1)), {kind: 'release', messageId: 1, known: false});
  assert.deepEqual(window.acknowledge(puback(1)), {kind: 'ignored'});
});

test('PUBCOMP "Packet Identifier not found" means that it was completed before', () => {
  const window = new InFlightWindow<string>(5);
  window.add(1, 2, 'a');
  drain(window);
  window.acknowledge(pubrec(1));
  assert.deepEqual(window.acknowledge(pubcomp(1, 146)), {kind: 'done', value: 'a', reasonCode: 0});
});

test('a session that was kept gets duplicates and releases, in order; what was never sent is no duplicate', () => {
  const window = new InFlightWindow<string>(3);
  window.add(1, 2, 'a');
  window.add(2, 1, 'b');
  drain(window);
  window.add(3, 1, 'c');
  window.acknowledge(pubrec(1));
  window.restart({sessionKept: true, receiveMaximum: 65_535});
  assert.deepEqual(drain(window), [
    {kind: 'release', messageId: 1},
    {kind: 'publish', messageId: 2, value: 'b', duplicate: true},
    {kind: 'publish', messageId: 3, value: 'c', duplicate: false},
  ]);
});

test('a new session gets everything unacknowledged as new', () => {
  const window = new InFlightWindow<string>(3);
  window.add(1, 2, 'a');
  window.add(2, 1, 'b');
  drain(window);
  window.acknowledge(pubrec(1));
  window.restart({sessionKept: false, receiveMaximum: 65_535});
  assert.deepEqual(drain(window), [
    {kind: 'publish', messageId: 1, value: 'a', duplicate: false},
    {kind: 'publish', messageId: 2, value: 'b', duplicate: false},
  ]);
});

test('clear gives back what was in it', () => {
  const window = new InFlightWindow<string>(1);
  window.add(1, 1, 'a');
  window.add(2, 1, 'b');
  drain(window);
  window.remove(2);
  assert.deepEqual(window.clear(), ['a']);
  assert.equal(window.size, 0);
  assert.equal(window.next(), undefined);
});

/** A server as the specification has it, on a connection that loses everything under way when it is cut. */
class Server {
  readonly delivered: number[] = [];
  #held = new Set<number>();
  #answers: {cmd: string; messageId: number; reasonCode: number}[] = [];
  #seen = new Set<string>();

  take(step: SendStep<number>, qos: 1 | 2): void {
    const {messageId} = step;
    if (step.kind === 'release') {
      this.#held.delete(messageId);
      this.#answers.push(pubcomp(messageId));
    } else if (qos === 1) {
      this.delivered.push(step.value);
      this.#answers.push(puback(messageId));
    } else {
      if (!this.#held.has(messageId)) this.delivered.push(step.value);
      assert.equal(this.#held.has(messageId) && !step.duplicate, false, 'a repetition without DUP');
      this.#held.add(messageId);
      this.#answers.push(pubrec(messageId));
    }
  }

  answer(index: number) {
    return this.#answers.splice(index % Math.max(1, this.#answers.length), 1)[0];
  }

  cut(sessionKept: boolean): void {
    this.#answers = [];
    this.#seen.clear();
    if (!sessionKept) this.#held.clear();
  }
}

test('through any cuts: all done, none lost, never too many in flight, at QoS 2 in a kept session none twice', () => {
  const happening = fc.oneof(
    {weight: 10, arbitrary: fc.record({kind: fc.constant('answer' as const), index: fc.nat(50)})},
    {weight: 2, arbitrary: fc.record({kind: fc.constant('deaf' as const), index: fc.nat(50)})},
    {
      weight: 1,
      arbitrary: fc.record({kind: fc.constant('cut' as const), index: fc.integer({min: 1, max: 6})}),
    },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(1 as const, 2 as const),
      fc.boolean(),
      fc.integer({min: 1, max: 8}),
      fc.array(happening, {maxLength: 120}),
      (qos, sessionKept, maximum, happenings) => {
        const window = new InFlightWindow<number>(maximum);
        const server = new Server();
        const done: number[] = [];
        let limit = maximum;
        let next = 0;
        const fill = () => {
          while (next < 30 && window.room() > 0) window.add(next + 1, qos, next++);
          for (const step of drain(window)) server.take(step, qos);
          assert.ok(window.size <= Math.max(limit, maximum));
        };
        const acknowledge = (packet: ReturnType<Server['answer']>) => {
          if (packet === undefined) return;
          const outcome = window.acknowledge(packet);
          if (outcome.kind === 'done') done.push(outcome.value);
          if (outcome.kind === 'release') server.take({kind: 'release', messageId: packet.messageId}, qos);
        };
        fill();
        for (const {kind, index} of happenings) {
          if (kind === 'answer') acknowledge(server.answer(index));
          // What the server took but whose answer, or whose release, never arrives.
          else if (kind === 'deaf') server.answer(index);
          else {
            server.cut(sessionKept);
            limit = index;
            window.restart({sessionKept, receiveMaximum: index});
          }
          fill();
        }
        server.cut(sessionKept);
        window.restart({sessionKept, receiveMaximum: 65_535});
        fill();
        for (let packet = server.answer(0); packet !== undefined; packet = server.answer(0)) {
          acknowledge(packet);
          fill();
        }
        assert.equal(window.size, 0);
        const sorted = (values: Iterable<number>) => [...values].sort((left, right) => left - right);
        const all = Array.from({length: 30}, (_, index) => index);
        assert.deepEqual(sorted(done), all);
        assert.deepEqual(sorted(new Set(server.delivered)), all);
        if (qos === 2 && sessionKept) assert.deepEqual(server.delivered, all);
      },
    ),
    {numRuns: 1000},
  );
});
