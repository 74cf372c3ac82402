/**
 * What a shell user feels: whole one-shot processes, against an empty Node script (the yardstick: no
 * program on Node can be faster) and against the peers. All connect to `localhost`, as typed.
 */

import {join} from 'node:path';
import {type Bench, type BenchContext, emptyScript, linesFile, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {type Invocation, measure, paired, wallRatios} from './measure.ts';
import {mqttCli} from './peers.ts';
import {securePublish, startSecureBroker, webSocketConfig} from './secure.ts';
import {atMost, type Figure} from './statistics.ts';

const mosquitto = (program: string, ...args: readonly string[]): Invocation => ({
  command: `mosquitto_${program}`,
  args,
});

async function oneShots(context: BenchContext): Promise<readonly Figure[]> {
  await using broker = await startBroker('mosquitto');
  const empty = await emptyScript(context.directory);
  const publish = ['-p', String(broker.port), '-t', 'bench/start', '-m', 'hello'];
  const noCache = {TMQ_NO_CODE_CACHE: '1'};
  const series = await paired(
    {
      empty: () => measure({command: process.execPath, args: [empty]}),
      pub: () => measure(tmq('pub', ...publish)),
      uncached: () => measure({...tmq('pub', ...publish), env: noCache}),
      help: () => measure(tmq('pub', '--help')),
      version: () => measure(tmq('--version')),
      npm: () => measure(mqttCli('pub', ...publish)),
      mosquitto: () => measure(mosquitto('pub', ...publish)),
    },
    {rounds: context.rounds(15), warmUp: 2},
  );
  const over = (ours: keyof typeof series, theirs: keyof typeof series) =>
    ({unit: 'x', values: wallRatios(series[ours], series[theirs])}) as const;
  return [
    {label: 'pub one-shot / empty node script', ...over('pub', 'empty'), goal: atMost(1.6)},
    {label: 'pub one-shot / npm mqtt pub', ...over('pub', 'npm'), goal: atMost(0.35)},
    {label: 'pub one-shot / mosquitto_pub', ...over('pub', 'mosquitto')},
    {label: 'pub one-shot without code cache / empty node script', ...over('uncached', 'empty')},
    {label: 'pub --help / empty node script', ...over('help', 'empty')},
    {label: '--version / empty node script', ...over('version', 'empty')},
    {label: 'empty node script / mosquitto_pub', ...over('empty', 'mosquitto'), remark: 'the limit of Node'},
  ];
}

async function oneLine(context: BenchContext): Promise<readonly Figure[]> {
  await using broker = await startBroker('mosquitto');
  const stdin = await linesFile(context.directory, 'one-line', 1);
  const place = ['-p', String(broker.port), '-t', 'bench/start'];
  const words = [...place, '-l'];
  const series = await paired(
    {
      tmq: () => measure({...tmq('pub', ...words), stdin}),
      mosquitto: () => measure({...mosquitto('pub', ...words), stdin}),
      message: () => measure(tmq('pub', ...place, '-m', 'hello')),
    },
    {rounds: context.rounds(15), warmUp: 2},
  );
  return [
    {
      label: 'pub -l of one line / pub -m',
      unit: 'x',
      values: wallRatios(series.tmq, series.message),
      goal: atMost(1.1),
    },
    {
      label: 'pub -l of one line / mosquitto_pub -l',
      unit: 'x',
      values: wallRatios(series.tmq, series.mosquitto),
    },
  ];
}

/** A mosquitto as it comes: its own defaults decide how long a retained message is on its way. */
async function retained(context: BenchContext): Promise<readonly Figure[]> {
  await using broker = await startBroker('mosquitto', 'listener {port} 127.0.0.1\nallow_anonymous true\n');
  const words = ['-p', String(broker.port), '-t', 'bench/retained'];
  await measure(mosquitto('pub', ...words, '-r', '-m', 'kept'));
  const series = await paired(
    {
      tmq: () => measure(tmq('sub', ...words, '-C', '1')),
      mosquitto: () => measure(mosquitto('sub', ...words, '-C', '1')),
    },
    {rounds: context.rounds(15), warmUp: 2},
  );
  return [
    {
      label: 'sub -C 1 of a retained message / mosquitto_sub',
      unit: 'x',
      values: wallRatios(series.tmq, series.mosquitto),
      goal: atMost(0.9),
    },
  ];
}

async function secure(context: BenchContext): Promise<readonly Figure[]> {
  await using broker = await startSecureBroker(context.directory);
  const values = await securePublish(context, broker.words, process.execPath);
  const empty = await emptyScript(context.directory);
  const series = await paired(
    {
      tmq: () => measure(tmq('pub', ...broker.words)),
      empty: () => measure({command: process.execPath, args: [empty]}),
    },
    {rounds: context.rounds(15), warmUp: 2},
  );
  return [
    {label: 'pub one-shot with TLS / mosquitto_pub', unit: 'x', values, goal: atMost(1.25)},
    {
      label: 'pub one-shot with TLS / empty node script',
      unit: 'x',
      values: wallRatios(series.tmq, series.empty),
      goal: atMost(2),
    },
  ];
}

/** What tmq takes up to the end of a WebSocket with TLS, over what the mqtt of npm takes. */
async function secureWebSocket(context: BenchContext): Promise<Figure> {
  await using broker = await startBroker('mosquitto', webSocketConfig(context.directory));
  const place = ['-h', 'localhost', '-p', String(broker.ports[1]), '-t', 'bench/wss', '-m', 'hello'];
  const caFile = join(context.directory, 'ca.crt');
  const series = await paired(
    {
      tmq: () => measure(tmq('pub', ...place, '--ws', '--cafile', caFile)),
      npm: () => measure(mqttCli('pub', ...place, '-C', 'wss', '--ca', caFile)),
    },
    {rounds: context.rounds(15), warmUp: 2},
  );
  const values = wallRatios(series.tmq, series.npm);
  return {label: 'pub one-shot over wss / npm mqtt pub', unit: 'x', values};
}

export const startup: Bench = {
  name: 'startup',
  summary: 'one-shot commands as whole processes',
  async run(context) {
    return [
      ...(await oneShots(context)),
      ...(await oneLine(context)),
      ...(await retained(context)),
      ...(await secure(context)),
      await secureWebSocket(context),
    ];
  },
};
