/** The manual's section on waiting: for a broker, and for a subscription. */

import type {ManualSection} from '../../cli/command.ts';

export const readySection: ManualSection = {
  title: 'Waiting',
  text: [
    'A message that is published before the broker has granted the subscription does not come. --then starts the publisher when it has; a script learns it from --ready-fd or --ready-file. No pause in the script is needed.',
    'The first example waits up to 30 seconds for a broker that is starting. The second one publishes once the subscription stands: the pipe has the line of --ready-fd, and the file has the messages.',
  ],
  literal: [
    'tmq sub --retry-connect -E -W 30 -t x',
    'tmq sub -t log -C 1 --ready-fd 3 3>&1 >log.txt | { read -r ready; tmq pub -t log -m hello; }',
  ],
};
