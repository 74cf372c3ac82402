/** The topics of `tmq help TOPIC`: what concerns more than one command, as sections of the manual. */

import type {AnyCommand, ManualSection} from '../../cli/command.ts';
import type {helpTopics} from '../../cli/help.ts';
import {clientEnvironment, commonEnvironment, statusRemarks} from '../../cli/manual.ts';
import {conditionsSection} from './conditions.ts';
import {formatSections} from './formats-page.ts';
import {profileSections} from './profiles.ts';
import {reconnectingSections} from './reconnecting.ts';

export const testingSections: readonly ManualSection[] = [
  {
    title: 'Testing',
    text: [
      'In a shell script, tmq broker --exec runs a command with a broker of its own on a free port, and ends with the exit status of the command. Its address is in MQTT_URL, where the clients of tmq find it, and in MQTT_HOST and MQTT_PORT.',
    ],
    literal: ['tmq broker --exec -- tmq pub -t a -m hello'],
  },
  {
    title: 'Testing with Node.js',
    text: [
      'The module tmq/testing starts the same broker inside a test. With port 0 each one has a free port, so tests can run at the same time.',
    ],
    literal: [
      "import {startBroker} from 'tmq/testing';",
      '',
      'const broker = await startBroker();',
      'console.log(broker.url);',
      'await broker.close();',
    ],
  },
  {
    title: 'Testing with other programs',
    text: [
      'tmq broker -p 0 --ready json prints one line with its address when clients can connect; with --exit-with-stdin it ends with the process that started it.',
      'A bad network is made by --fault, which drops, delays or duplicates packets and closes connections; --seed makes a run reproducible. --trace prints each packet with all its fields. --tls auto makes certificates. See tmq-broker(1).',
    ],
    literal: [
      'tmq broker -p 0 --ready json --exit-with-stdin',
      "tmq broker --fault 'drop puback p=0.1' --seed 7 --trace",
    ],
  },
];

const clientNames = 'pub, sub, rr and reply';

function statusSections(commands: readonly AnyCommand[]): readonly ManualSection[] {
  const own = commands.flatMap(({name, optionsFile, exitStatuses}): readonly ManualSection[] =>
    optionsFile === undefined
      ? [{title: `Exit status of ${name}`, text: [], remarks: exitStatuses ?? statusRemarks(false)}]
      : [],
  );
  return [{title: `Exit status of ${clientNames}`, text: [], remarks: statusRemarks(true)}, ...own];
}

function environmentSections(commands: readonly AnyCommand[]): readonly ManualSection[] {
  const own = commands.flatMap(({name, environment}): readonly ManualSection[] =>
    environment === undefined ? [] : [{title: `Environment of ${name}`, text: [], remarks: environment}],
  );
  return [
    {title: 'Environment', text: [], remarks: commonEnvironment},
    {title: `Environment of ${clientNames}`, text: [], remarks: clientEnvironment},
    ...own,
  ];
}

/** The sections of tmq(1) about more than one command. */
export const programSections: readonly ManualSection[] = [
  ...profileSections,
  ...reconnectingSections,
  ...testingSections,
];

/** What `tmq help` shows of a topic, made of all commands. */
export const topicSections: Readonly<
  Record<(typeof helpTopics)[number]['name'], (commands: readonly AnyCommand[]) => readonly ManualSection[]>
> = {
  formats: () => formatSections,
  conditions: () => [conditionsSection],
  environment: environmentSections,
  'exit-status': statusSections,
  reconnecting: () => reconnectingSections,
  profiles: () => profileSections,
  testing: () => testingSections,
};
