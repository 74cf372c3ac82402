/** The options of a test broker → the settings of a broker. */

import {parseBrokerConfig} from '../../broker/config/parse-config.ts';
import {readNames, readText} from '../../broker/config/read-file.ts';
import type {BrokerConfig} from '../../broker/config/settings.ts';
import type {StartOptions} from './types.ts';

/** @throws TmqError when the text of `config` is wrong */
export function configOf({config = '', port = 0, webSockets, passwordFile}: StartOptions): BrokerConfig {
  const parsed = parseBrokerConfig(config, {path: 'config', read: readText, list: readNames});
  const access = passwordFile === undefined ? {} : {passwordFile, allowAnonymous: false};
  const own =
    config === '' ? parsed.listeners.map((listener) => ({...listener, port, ...access})) : parsed.listeners;
  const [first] = own;
  const extra =
    webSockets && first !== undefined ? [{...first, port: 0, protocol: 'websockets' as const}] : [];
  return {...parsed, listeners: [...own, ...extra]};
}
