/** The options of a test broker → the settings of a broker. */

import {parseBrokerConfig} from '../../broker/config/parse-config.ts';
import {readNames, readText} from '../../broker/config/read-file.ts';
import type {BrokerConfig} from '../../broker/config/settings.ts';
import type {StartOptions} from './types.ts';

const optionNames = new Set(
  Object.keys({
    port: 0,
    tls: 0,
    webSockets: 0,
    config: 0,
    passwordFile: 0,
    faults: 0,
    seed: 0,
    log: 0,
    keepMessages: 0,
    keepBytes: 0,
    authorize: 0,
    onPublish: 0,
  } satisfies Record<keyof StartOptions, 0>),
);

/** For tests in JavaScript, whose options no compiler checks. @throws TypeError */
function checkOptions(options: StartOptions): void {
  const unknown = Object.keys(options).find((name) => !optionNames.has(name));
  if (unknown !== undefined) {
    throw new TypeError(`A broker has no option '${unknown}': it has ${[...optionNames].join(', ')}.`);
  }
  const {tls} = options;
  if (tls !== undefined && tls !== 'auto') throw new TypeError(`tls is ${String(tls)}: it is 'auto'.`);
}

/** @throws TmqError when the text of `config` is wrong; TypeError for an invalid option */
export function configOf(options: StartOptions): BrokerConfig {
  checkOptions(options);
  const {config = '', port = 0, webSockets, passwordFile} = options;
  const parsed = parseBrokerConfig(config, {path: 'config', read: readText, list: readNames});
  const access = passwordFile === undefined ? {} : {passwordFile, allowAnonymous: false};
  const own =
    config === '' ? parsed.listeners.map((listener) => ({...listener, port, ...access})) : parsed.listeners;
  const [first] = own;
  const extra =
    webSockets && first !== undefined ? [{...first, port: 0, protocol: 'websockets' as const}] : [];
  return {...parsed, listeners: [...own, ...extra]};
}
