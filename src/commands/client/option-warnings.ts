/** Sentences about options that were given and can have no effect. */

import {spelling} from '../../cli/option.ts';
import type {TlsOptions} from '../../client/connection-options.ts';
import type {PropertySetting} from '../../protocol/property-option.ts';
import {type TlsValues, tlsOptions} from './tls-options.ts';

/** The options that a warning may be about. */
interface WarnedOptions extends TlsValues {
  readonly willQos?: number;
  readonly willTopic?: string;
  readonly authMethod?: string;
  readonly property?: readonly PropertySetting[];
}

/** TLS options that are nothing without TLS. */
const tlsOnly = [
  'insecure',
  'certificate',
  'key',
  'keyPassphrase',
  'ciphers',
  'tlsVersion',
  'tlsAlpn',
  'tlsKeyLog',
  'serverName',
  'pskIdentity',
] as const;

/**
 * A sentence for options that were given and can have no effect: no error, as scripts may always give them.
 * `tls` is what the connection will use, if anything.
 */
export function warningsOf(values: WarnedOptions, tls: TlsOptions | undefined): readonly string[] {
  const warnings: string[] = [];
  // --no-tls asks for the others to be ignored.
  if (tls === undefined && values.noTls !== true) {
    const given = tlsOnly
      .filter((key) => values[key] !== undefined)
      .map((key) => spelling(tlsOptions[key]).long!);
    if (given.length > 0) {
      const verb = given.length === 1 ? 'has' : 'have';
      warnings.push(
        `${listed(given)} ${verb} no effect: this connection does not use TLS. Ask for it with --cafile, --capath, --tls-use-os-certs or port 8883.`,
      );
    }
  }
  if (values.willQos !== undefined && values.willTopic === undefined) {
    warnings.push('--will-qos has no effect without --will-topic.');
  }
  if (values.authMethod === undefined && values.property?.some(({command}) => command === 'auth') === true) {
    warnings.push('-D auth has no effect without --auth-method: tmq then sends no AUTH.');
  }
  return warnings;
}

/** 'a', 'a and b', 'a, b and c' */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
