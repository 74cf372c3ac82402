/** What becomes of each directive of mosquitto.conf(5), for the manual: from the tables that read them. */

import {directives} from '../../broker/config/directives.ts';
import {fates, otherNames} from '../../broker/config/special-directives.ts';
import type {ManualSection} from '../../cli/command.ts';

const list = (names: readonly string[]) => names.toSorted().join(', ');

function sentences(
  reasons: Readonly<Record<string, string>>,
  fate: string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(reasons).map(([name, why]) => [name, `${fate}: ${why}.`]));
}

/** Every directive of mosquitto 2.1 and 2.0, by what this broker does with it. */
export function directivesSection(): ManualSection {
  const served = [...Object.values(directives).map(({name}) => name), ...fates.served];
  return {
    title: 'Directives',
    text: [
      'How the broker treats the directives of mosquitto.conf(5), of mosquitto 2.0 and 2.1. A directive that restricts who may connect, or what clients may do, is served or refused, never skipped. A warning names the file and the line.',
    ],
    remarks: {
      Served: `${list(served)}.`,
      'Served under another name': `${list(Object.entries(otherNames).map(([name, known]) => `${name} as ${known}`))}.`,
      ...sentences(fates.refused, 'Refused'),
      [list(fates.plugins)]:
        'Without effect, with a warning: plugins are not loaded, and nothing they would allow is allowed. Refused where a listener would let in clients, by allow_anonymous, a password_file or certificates, that the plugin may refuse. Options that begin with auth_opt_ or plugin_opt_ may follow.',
      Bridges: `Without effect, with a warning for each connection: ${list(fates.bridges)}.`,
      ...sentences(fates.withoutEffect, 'Without effect, with a warning'),
    },
  };
}
