/** Lists profiles, shows one without its secrets, and tries whether one leads to a broker. */

import {defineCommand} from '../../cli/command.ts';
import {parse} from '../../cli/parse.ts';
import {
  linesFor,
  openWarning,
  profileDirectory,
  profileNames,
  readProfile,
  withoutSecrets,
} from '../../cli/profiles.ts';
import {ExitCode, UsageError} from '../../errors.ts';
import {print} from '../../io/output.ts';
import {type Io, isDropIn} from '../../io/process.ts';
import {type ColourChoice, warn} from '../../io/terminal.ts';
import {type ClientPlan, clientOptions, toClientPlan} from '../client/client-options.ts';
import {withEnvironment} from '../client/environment.ts';
import {subscribeUrlOption} from '../client/network-options.ts';
import {openSession} from '../client/open-session.ts';

interface ProfilePlan {
  readonly action: 'ls' | 'show' | 'check';
  /** Empty for ls. */
  readonly name: string;
  readonly debug: boolean;
  readonly quiet: boolean;
  readonly color: ColourChoice;
}

const {debug, quiet, color} = clientOptions;
const options = {debug, quiet, color} as const;

/** What a profile may have in common with a command that is none of these: the connection. */
const connectionOptions = {...clientOptions, url: subscribeUrlOption} as const;

export const profile = defineCommand({
  name: 'profile',
  summary: 'list, show and try named sets of options',
  synopsis: ['[options] ls', '[options] show <profile>', '[options] check <profile>'],
  description: [
    'A profile is an options file with a name, in ~/.config/tmq/profiles, for tmq pub, sub, rr and reply: see Profiles in tmq(1), or tmq help profiles.',
    'ls prints the names of the profiles. show prints the options of one, with *** in place of passwords and keys. check connects as the profile says, and prints ok when the broker has accepted the connection; otherwise it prints what is wrong, and ends with the status that tmq sub would have. It uses a client id of its own, a session that ends at once, and no will, so that it disturbs no client.',
  ],
  options,
  mostUsed: ['debug', 'quiet', 'color'],
  operands: 'profile',
  examples: {
    'tmq profile ls': 'The names of the profiles.',
    'tmq profile show prod': 'The options of one, without its secrets.',
    'tmq profile check prod': 'Whether its broker accepts a connection.',
  },
  differences: ['mosquitto has no profiles.'],
  environment: {
    XDG_CONFIG_HOME: 'The directory in which tmq/profiles is; otherwise ~/.config, and on Windows %APPDATA%.',
    'MQTT_URL, MQTT_USERNAME, MQTT_PASSWORD, MQTT_CA_FILE': 'For check, as for tmq sub.',
  },
  files: {'$XDG_CONFIG_HOME/tmq/profiles, ~/.config/tmq/profiles': 'The profiles.'},
  exitStatuses: {
    0: 'Success.',
    1: 'There is no such profile, or it has a wrong line.',
    'others, of check': 'As of tmq sub, where the connection fails.',
  },
  plan(values, operands): ProfilePlan {
    const [action, name = '', ...more] = operands;
    if (action !== 'ls' && action !== 'show' && action !== 'check') {
      const given = action === undefined ? 'An action is missing' : `Unknown action '${action}'`;
      throw new UsageError(`${given}. It is ls, show or check, as in tmq profile ls`);
    }
    const [unexpected] = action === 'ls' ? operands.slice(1) : more;
    if (unexpected !== undefined) throw new UsageError(`Unexpected word '${unexpected}' after ${action}.`);
    if (action !== 'ls' && name === '') {
      throw new UsageError(`The name of a profile is missing, as in tmq profile ${action} prod`);
    }
    return {
      action,
      name,
      debug: values.debug === true,
      quiet: values.quiet === true,
      color: values.color ?? 'auto',
    };
  },
  async run(plan, io): Promise<ExitCode> {
    if (plan.action === 'ls') await list(plan, io);
    else if (plan.action === 'show') await show(plan, io);
    else await check(plan, io);
    return ExitCode.success;
  },
});

async function list({quiet: isQuiet}: ProfilePlan, io: Io): Promise<void> {
  const names = profileNames(io.env, io.platform);
  const directory = profileDirectory(io.env, io.platform);
  if (names.length > 0) await print(io, `${names.join('\n')}\n`);
  else if (!isQuiet)
    io.stderr.write(`There is no profile in ${directory ?? 'your home, which is not set'}.\n`);
}

/** Reads the profile; warns about its mode. */
async function read({name, quiet: isQuiet}: ProfilePlan, io: Io) {
  const found = readProfile(name, io.env, io.platform);
  const warning = openWarning(connectionOptions, found);
  if (warning !== undefined && !isQuiet) await warn(io, warning);
  return found;
}

async function show(plan: ProfilePlan, io: Io): Promise<void> {
  const {lines} = await read(plan, io);
  await print(io, lines.map(({words}) => `${withoutSecrets(connectionOptions, words)}\n`).join(''));
}

async function check(plan: ProfilePlan, io: Io): Promise<void> {
  const found = await read(plan, io);
  const command = {...profile, options: connectionOptions} as const;
  const {values} = parse(command as never, [], () => linesFor(connectionOptions, found)) as {
    values: Parameters<typeof toClientPlan>[0];
  };
  const complete = isDropIn(io) ? values : withEnvironment(values, io.env, subscribeUrlOption);
  const client = toClientPlan(complete, {protocolVersion: 4});
  await using session = await openSession(harmless(client, plan), io, {minimal: true});
  await session.end();
  await print(io, `${plan.name}: ok\n`);
}

/** The same connection with nothing in it that another client, or a later run, could notice. */
function harmless(client: ClientPlan, plan: ProfilePlan): ClientPlan {
  const {will: _will, properties: given, ...connection} = client.connection;
  const {sessionExpiryInterval: _expiry, ...properties} = given ?? {};
  return {
    ...client,
    debug: plan.debug || client.debug,
    quiet: plan.quiet,
    color: plan.color,
    reconnect: {...client.reconnect, afterLoss: false, atStart: false},
    connection: {
      ...connection,
      clientId: {kind: 'random'},
      clean: true,
      ...(given === undefined ? {} : {properties}),
    },
  };
}
