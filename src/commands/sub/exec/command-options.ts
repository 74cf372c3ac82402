/** The options of sub that start a command, or say to a script that it may go on. */

import {inGroup, integer, text, type Values} from '../../../cli/option.ts';
import {defined} from '../../../defined.ts';
import {UsageError} from '../../../errors.ts';
import {type ExecContext, type ExecPlan, execOptions, toExecPlan} from './exec-options.ts';
import type {ReadyPlan} from './ready.ts';

/** The largest number of a descriptor. */
const mostDescriptors = 1_048_575;

export const commandOptions = {
  ...execOptions,
  ...inGroup('Commands', {
    companion: {
      flags: '--then',
      summary: 'start the command after -- when the broker has granted every filter',
      details:
        "So no answer to what it publishes is missed. Its standard input is that of tmq, its standard output goes to standard error, and MQTT_URL in its environment names the broker, without user and password. If it fails before tmq ends, tmq ends with its status: 128 plus the signal's number if a signal ended it, 127 if there is no such command. Otherwise the status is that of tmq, which waits for the command at its end. Signals are passed on to it; a time limit (-W) and a failure of tmq end it with SIGTERM, and after five seconds with SIGKILL. If a filter is denied, tmq ends with the reason code, and does not start it.",
    },
    readyDescriptor: {
      flags: '--ready-fd <number>',
      summary: 'write a line to this descriptor when the broker has granted every filter',
      details:
        'The line is {"event":"subscribed","filters":[{"filter":"a/#","qos":1}]}. Then the descriptor is closed. It must be open for writing: --ready-fd 3 3>file. If a filter is denied, tmq ends with the reason code.',
      noun: 'descriptor',
      parse: integer({
        minimum: 1,
        maximum: mostDescriptors,
        problem: (given) =>
          `Invalid descriptor "${given}". It is the number of a descriptor that is open for writing.`,
      }),
    },
    readyFile: {
      flags: '--ready-file <file>',
      summary: 'make this file when the broker has granted every filter',
      details:
        'It holds the line of --ready-fd, and is complete as soon as it is there. tmq removes the file of an earlier run before it connects, and leaves the file at the end.',
      complete: 'file',
      parse: text,
    },
  }),
} as const;

export interface CommandPlan {
  /** The command of --then; empty: none. */
  readonly companion: readonly string[];
  readonly ready?: ReadyPlan;
  readonly exec?: ExecPlan;
}

/** @throws UsageError */
export function toCommandPlan(
  values: Values<typeof commandOptions>,
  operands: readonly string[],
  context: ExecContext,
): CommandPlan {
  const {companion = false, readyDescriptor: descriptor, readyFile: file} = values;
  if (companion && values.exec) {
    throw new UsageError('--then and --exec both take the command after --: leave one of them out.');
  }
  if (companion && operands.length === 0) {
    throw new UsageError('--then needs a command after --, such as --then -- tmq pub -t request -m now');
  }
  if (file === '') throw new UsageError('The argument of --ready-file is empty.');
  const isReady = descriptor !== undefined || file !== undefined;
  const exec = toExecPlan(values, operands, context);
  return {
    companion: companion ? operands : [],
    ...defined({ready: isReady ? defined({descriptor, file}) : undefined, exec}),
  };
}
