/** The topics of `tmq help TOPIC`: what concerns more than one command, as sections of the manual. */

import type {AnyCommand, ManualSection} from '../../cli/command.ts';
import type {helpTopics} from '../../cli/help.ts';
import {clientEnvironment, commonEnvironment, statusRemarks} from '../../cli/manual.ts';
import {conditionsSection} from './conditions.ts';
import {formatSections} from './formats-page.ts';
import {profileSections} from './profiles.ts';
import {reconnectingSections} from './reconnecting.ts';
import {testingSections} from './testing-page.ts';

/** What tmq(1) says of tmq-testing(7). */
const testingSummary: ManualSection = {
  title: 'Testing',
  text: [
    'In a shell script, tmq broker --exec runs a command with a broker of its own on a free port, and ends with the exit status of the command. Its address is in MQTT_URL, where the clients of tmq find it. tmq-testing(7) has that for many test runners, and the module tmq/testing for Node.js.',
  ],
  literal: ['tmq broker --exec -- tmq pub -t a -m hello'],
};

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
  testingSummary,
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
