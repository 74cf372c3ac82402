/**
 * A command in a network of its own whose name server takes every question and answers none. Needs root and
 * iproute2: /etc/resolv.conf is another one for the command only.
 */

import {existsSync} from 'node:fs';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type Running, type SpawnOptions, start} from './spawn.ts';

export const maySilence =
  process.getuid?.() === 0 && ['/bin/ip', '/sbin/ip'].some((path) => existsSync(path));

const server = `require('node:dgram').createSocket('udp4').bind(53, '127.0.0.1', () => process.stdout.write('ready'))`;

/** Resolver, server and command; the command is the process that `child` names. */
const script = `
mount --bind "$1" /etc/resolv.conf && ip link set lo up || exit 99
node=$2; server=$3; shift 3
coproc "$node" -e "$server" 2>/dev/null
head -c 5 <&"\${COPROC[0]}" >/dev/null
exec "$@"
`;

export interface Silenced extends AsyncDisposable {
  readonly running: Running;
}

/** Starts the command there. */
export async function startSilenced(
  command: readonly [string, ...string[]],
  options: SpawnOptions,
): Promise<Silenced> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-silence-'));
  const resolver = join(directory, 'resolv.conf');
  await writeFile(resolver, 'nameserver 127.0.0.1\n');
  const running = start(
    'setsid',
    ['unshare', '-n', '-m', 'bash', '-c', script, 'bash', resolver, process.execPath, server, ...command],
    options,
  );
  return {
    running,
    async [Symbol.asyncDispose]() {
      try {
        process.kill(-running.child.pid!, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
      await running.finished;
      await rm(directory, {recursive: true, force: true});
    },
  };
}
