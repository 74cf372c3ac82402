/** A command for each of many messages that wait in a session, beside xargs with a line for each. */

import {type Bench, linesFile, tmq} from './bench.ts';
import {startBroker} from './brokers.ts';
import {measure, paired, wallRatios} from './measure.ts';
import {atLeast} from './statistics.ts';

const messages = 2000;
const jobs = '2';
const command = '/bin/true';

export const exec: Bench = {
  name: 'exec',
  summary: 'a command for each message',
  async run(context) {
    await using broker = await startBroker('tmq');
    const stdin = await linesFile(context.directory, 'lines', messages);
    const place = ['-p', String(broker.port), '-t', 'bench/exec', '-q', '1'];
    const subscriber = [...place, '-c', '-i', 'worker'];
    await measure(tmq('sub', ...subscriber, '-E'));
    const count = String(messages);
    const series = await paired(
      {
        tmq: async () => {
          await measure({...tmq('pub', ...place, '-l'), stdin});
          return await measure(
            tmq('sub', ...subscriber, '-C', count, '--exec', '--jobs', jobs, '--', command),
          );
        },
        xargs: () => measure({command: 'xargs', args: ['-P', jobs, '-n', '1', command], stdin}),
      },
      {rounds: context.rounds(5), warmUp: 1},
    );
    return [
      {
        label: `${messages.toLocaleString('en')} messages, two at a time, rate / xargs`,
        unit: 'x',
        values: wallRatios(series.xargs, series.tmq),
        goal: atLeast(0.9),
      },
    ];
  },
};
