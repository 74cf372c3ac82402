/** The manual page tmq-testing(7): brokers for tests, in Node.js, beside other test runners, and in services. */

import type {ManualSection} from '../../cli/command.ts';
import {goFile, languageSection, pytestFile} from './testing-languages.ts';
import {jestFile, nodeFile, nodeSection, referenceSection, scriptedFile, vitestFile} from './testing-node.ts';
import {
  composeFile,
  readyFileScript,
  scriptSection,
  serviceSection,
  shellScript,
  workflow,
} from './testing-scripts.ts';

const description: ManualSection = {
  title: 'Description',
  text: [
    'tmq has a broker for tests, which starts within a fraction of a second on a free port of this machine. There are three ways to it: around any command, by tmq broker --exec; as a process that a fixture starts, by tmq broker --ready; and inside a program for Node.js, by the module tmq/testing, which also waits for messages and shows what was published.',
    'Every example here is run by the tests of tmq, except for what needs Docker or GitHub itself.',
  ],
};

const hardships: ManualSection = {
  title: 'A bad network',
  text: [
    '--fault drops, delays or duplicates packets, or closes connections; --seed makes a run reproducible. --trace prints each packet with all its fields. --tls auto makes certificates. --web serves a page that shows what happens. See tmq-broker(1).',
  ],
  literal: ["tmq broker --fault 'drop puback p=0.1' --seed 7 --trace"],
};

/** The files that the page shows, by the names under which the tests run them. */
export const testingFiles = {
  shellScript,
  readyFileScript,
  nodeFile,
  vitestFile,
  jestFile,
  scriptedFile,
  pytestFile,
  goFile,
  workflow,
  composeFile,
} as const;

export const testingSections: readonly ManualSection[] = [
  description,
  scriptSection,
  nodeSection,
  languageSection,
  serviceSection,
  hardships,
  referenceSection,
];
