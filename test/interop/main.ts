/**
 * `npm run interop`: installs other people's brokers and clients where they are to be had, runs the scenarios
 * with tmq's clients at each broker and the exercise with each client at `tmq broker`, and prints the matrix.
 * Everything runs on loopback and is stopped and removed at the end.
 *
 *   --only NAME     only brokers and clients whose name contains this; may be repeated
 *   --scheme NAME   only this transport: mqtt, mqtts, ws, wss; may be repeated
 *   --repeat N      each cell N times, without a second try: '19/20'
 *   --write         write the matrix to test/interop/MATRIX.md
 */

import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {Clients, prepareTarget, scenarios, type Target} from '../support/client-scenarios.ts';
import {type Scheme, schemes, startFourListeners} from '../support/four-listeners.ts';
import {type BrokerKind, brokers, type ForeignBroker} from './foreign/brokers.ts';
import {type ClientKind, clients} from './foreign/clients.ts';
import {type Cell, Matrix} from './foreign/matrix.ts';
import {openPlace, type Place} from './foreign/place.ts';

const {values} = parseArgs({
  options: {
    only: {type: 'string', multiple: true, default: []},
    scheme: {type: 'string', multiple: true, default: [...schemes]},
    repeat: {type: 'string', default: '1'},
    write: {type: 'boolean', default: false},
  },
});
const repeat = Number(values.repeat);
if (!Number.isInteger(repeat) || repeat < 1) throw new Error(`--repeat ${values.repeat}: not a count`);

const chosen = ({name}: {readonly name: string}) =>
  values.only.length === 0 || values.only.some((word) => name.toLowerCase().includes(word.toLowerCase()));
const wanted = (scheme: Scheme) => values.scheme.includes(scheme);

/** What an AssertionError about a command says in one line; the message of any other error. */
function oneLine(error: unknown): string {
  const {message, actual} = error as {message: string; actual?: Record<string, unknown>};
  const {pub, exitCode, stderr, timedOut} = actual ?? {};
  const command = pub === undefined ? 'sub' : `pub ${pub}`;
  const text =
    stderr === undefined
      ? message
      : `${command}: ${timedOut === true ? 'does not end' : `status ${exitCode}`}. ${stderr}`;
  return text
    .replaceAll(/localhost:\d+/g, 'localhost')
    .replaceAll(/\s+/g, ' ')
    .replace(process.execPath, 'node')
    .trim()
    .slice(0, 240);
}

async function attempt(action: (time: number) => Promise<void>): Promise<Cell> {
  const problems: string[] = [];
  for (let time = 0; time < repeat; time++) {
    await action(time).catch((error: unknown) => problems.push(oneLine(error)));
  }
  return {passed: repeat - problems.length, of: repeat, problems: [...new Set(problems)]};
}

async function atBroker(
  kind: BrokerKind,
  broker: ForeignBroker,
  place: Place,
  matrix: Matrix,
): Promise<void> {
  const {name, maximumQos = 2, upgradesQos = false, without = {}} = kind;
  for (const {scheme, port, words = []} of broker.doors.filter((door) => wanted(door.scheme))) {
    const {cert: cafile, directory} = place;
    const target: Target = {name, scheme, port, cafile, words, maximumQos, upgradesQos, directory};
    const row = matrix.row('brokers', `${name} ${broker.version}`, scheme);
    await prepareTarget(target).catch((error: unknown) =>
      matrix.note(`${name}, ${scheme}: ${oneLine(error)}`),
    );
    for (const {name: scenario, run} of scenarios) {
      const reason = without[scenario] ?? without[`${scheme}: ${scenario}`];
      if (reason !== undefined) {
        row.set(scenario, reason);
        continue;
      }
      const topic = (time: number) => `${scheme}/${scenario}/${time}`.replaceAll(/[ ,]+/g, '-');
      row.set(scenario, await attempt((time) => run(new Clients(target, topic(time)))));
    }
  }
}

async function testBroker(kind: BrokerKind, place: Place, matrix: Matrix): Promise<void> {
  console.error(`${kind.name} …`);
  let broker: ForeignBroker;
  try {
    broker = await kind.start(place);
  } catch (error) {
    matrix.missing(kind.name, oneLine(error));
    return;
  }
  try {
    await atBroker(kind, broker, place, matrix);
  } finally {
    await broker[Symbol.asyncDispose]();
  }
}

async function testClient(kind: ClientKind, place: Place, matrix: Matrix): Promise<void> {
  console.error(`${kind.name} …`);
  try {
    const {version, run} = await kind.prepare(place);
    await using broker = await startFourListeners('', 'program');
    for (const scheme of kind.schemes.filter(wanted)) {
      const row = matrix.row('clients', `${kind.name} ${version}`, scheme);
      for (const level of kind.levels) {
        row.set(`level ${level}`, await attempt(async () => await run(broker, scheme, level)));
      }
    }
  } catch (error) {
    matrix.missing(kind.name, oneLine(error));
  }
}

// The brokers are in process groups of their own, which Ctrl-C does not reach: they end with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const matrix = new Matrix(scenarios.map(({name}) => name));
{
  await using place = await openPlace();
  for (const kind of brokers.filter(chosen)) await testBroker(kind, place, matrix);
  for (const kind of clients.filter(chosen)) await testClient(kind, place, matrix);
}
const page = matrix.markdown(repeat);
console.log(page);
if (values.write) await writeFile(join(import.meta.dirname, 'MATRIX.md'), page);
process.exit(matrix.failures > 0 ? 1 : 0);
