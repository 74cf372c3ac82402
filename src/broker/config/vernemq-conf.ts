/**
 * VerneMQ's form of a configuration, `name = value` → lines of mosquitto.conf(5): listeners, access files and limits
 * that mean the same. Every other setting is a warning. Opens no file.
 */

/** A line in mosquitto's words, and the number of the line that it comes from. */
export interface TranslatedLine {
  readonly number: number;
  readonly text: string;
}

export interface Translation {
  readonly lines: readonly TranslatedLine[];
  /** Settings without effect here, by their lines. */
  readonly warnings: readonly TranslatedLine[];
}

const settingPattern = /^\s*([\w$.-]+)\s*=\s*(.*?)\s*$/;

/** Settings whose values need no change, by VerneMQ's names. */
const plain: Readonly<Record<string, string>> = {
  'vmq_passwd.password_file': 'password_file',
  'vmq_acl.acl_file': 'acl_file',
};

/** The kinds of listeners, and mosquitto's protocol for each. */
const kinds: Readonly<Record<string, 'mqtt' | 'websockets'>> = {
  tcp: 'mqtt',
  ssl: 'mqtt',
  ws: 'websockets',
  wss: 'websockets',
};

/** Parts of a listener that mean the same as a directive; certificates count for ssl and wss only. */
const parts: Readonly<Record<string, string>> = {
  cafile: 'cafile',
  certfile: 'certfile',
  keyfile: 'keyfile',
  ciphers: 'ciphers',
  crlfile: 'crlfile',
  require_certificate: 'require_certificate',
  use_identity_as_username: 'use_identity_as_username',
  max_connections: 'max_connections',
  allowed_protocol_versions: 'accept_protocol_versions',
  mountpoint: 'mount_point',
  allow_anonymous: 'listener_allow_anonymous',
};

const words: Readonly<Record<string, string>> = {on: 'true', off: 'false', infinity: '-1'};

/** Whether the first line that says anything is a setting of VerneMQ: a name with a dot, or a known one, and '='. */
export function isVernemq(text: string): boolean {
  const first = text.split(/\r?\n/).find((line) => !/^\s*(?:#|$)/.test(line)) ?? '';
  return /^\s*(?:[a-z_]+(?:\.[\w$-]+)+|allow_anonymous|nodename|distributed_cookie|accept_eula)\s*=/.test(
    first,
  );
}

interface Setting {
  readonly number: number;
  readonly name: string;
  readonly value: string;
}

/** Lines of mosquitto.conf(5) that mean the same. */
export function translateVernemq(text: string): Translation {
  const lines: TranslatedLine[] = [];
  const warnings: TranslatedLine[] = [];
  const ofListeners: Setting[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const number = index + 1;
    if (/^\s*(?:#|$)/.test(line)) continue;
    const [, name, given] = settingPattern.exec(line) ?? [];
    if (name === undefined || given === undefined) {
      warnings.push({number, text: line.trim()});
      continue;
    }
    const value = words[given] ?? given;
    if (name.startsWith('listener.')) ofListeners.push({number, name, value});
    else if (name === 'allow_anonymous') lines.push({number, text: `allow_anonymous ${value}`});
    else if (name in plain) lines.push({number, text: `${plain[name]} ${value}`});
    // Both are what a password_file and an acl_file do here.
    else if (!/^plugins\.vmq_(?:passwd|acl)$/.test(name)) warnings.push({number, text: name});
  }
  const translated = listenersOf(ofListeners);
  return {lines: [...lines, ...translated.lines], warnings: [...warnings, ...translated.warnings]};
}

/** 'listener.KIND.NAME = address:port' opens one; its parts are 'listener[.KIND[.NAME]].PART'. */
function listenersOf(settings: readonly Setting[]): Translation {
  const lines: TranslatedLine[] = [];
  const used = new Set<Setting>();
  for (const opening of settings) {
    const [, kind = '', label, ...rest] = opening.name.split('.');
    const [, host, port] = /^\[?([^\]]*)\]?:(\d+)$/.exec(opening.value) ?? [];
    const protocol = kinds[kind];
    if (protocol === undefined || label === undefined || rest.length > 0 || host === undefined) continue;
    used.add(opening);
    lines.push({number: opening.number, text: `listener ${port} ${host}`});
    lines.push({number: opening.number, text: `protocol ${protocol}`});
    const own = new Map<string, Setting>();
    // The more of the listener a name has, the more it counts.
    for (const scope of ['listener', `listener.${kind}`, `listener.${kind}.${label}`]) {
      for (const setting of settings) {
        const part = setting.name.slice(scope.length + 1);
        if (!setting.name.startsWith(`${scope}.`) || !(part in parts)) continue;
        if (!isTls(kind) && tlsParts.has(part)) continue;
        used.add(setting);
        own.set(part, setting);
      }
    }
    for (const [part, {number, value}] of own) lines.push({number, text: `${parts[part]} ${value}`});
  }
  const unused = settings.filter((setting) => !used.has(setting));
  return {lines, warnings: unused.map(({number, name}) => ({number, text: name}))};
}

const tlsParts: ReadonlySet<string> = new Set([
  'cafile',
  'certfile',
  'keyfile',
  'ciphers',
  'crlfile',
  'require_certificate',
  'use_identity_as_username',
]);

function isTls(kind: string): boolean {
  return kind === 'ssl' || kind === 'wss';
}
