/** Answers that a command prints: it runs once for each request. */

import {closeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {CannotRun} from '../../io/command/start-command.ts';
import {chunksOf, temporaryFile} from '../../io/command/temporary-file.ts';
import type {Io} from '../../io/process.ts';
import type {Message} from '../../protocol/message.ts';
import type {BrokerPlace} from '../client/exec/broker-environment.ts';
import {CommandRunner} from '../client/exec/command-runner.ts';
import {commonEnvironment} from '../client/exec/message-environment.ts';
import type {AnswerSource} from './plan.ts';
import type {Answers, NoAnswer} from './types.ts';

/** Milliseconds between the signal that asks the commands to end and SIGKILL. */
const killDelay = 5000;

const lineFeed = 0x0a;

export class CommandAnswers implements Answers {
  readonly #runner: CommandRunner;
  readonly #trimsNewline: boolean;

  /** @throws TmqError where no temporary file can be made */
  constructor(source: Extract<AnswerSource, {kind: 'command'}>, place: BrokerPlace, io: Io) {
    const directory = tmpdir();
    closeSync(temporaryFile(directory));
    this.#trimsNewline = source.trimsNewline;
    this.#runner = new CommandRunner({
      words: source.words,
      env: commonEnvironment(io.env, place),
      platform: io.platform,
      pid: io.pid,
      stderr: io.stderr,
      directory,
    });
  }

  async answerTo(request: Message): Promise<Uint8Array | NoAnswer> {
    const of = `for a request of ${request.topic}`;
    let output: Buffer = Buffer.alloc(0);
    try {
      const status = await this.#runner.run(request, async (descriptor) => {
        const chunks: Buffer[] = [];
        // Each chunk is overwritten by the next one.
        for (const chunk of chunksOf(descriptor)) chunks.push(Buffer.from(chunk));
        output = Buffer.concat(chunks);
      });
      if (status !== 0) return {status, what: `The command failed with status ${status} ${of}`};
    } catch (error) {
      if (!(error instanceof CannotRun) || error.isFinal) throw error;
      return {status: error.exitCode, what: `${error.message.replace(/\.$/, '')} ${of}`};
    }
    return this.#trimsNewline && output.at(-1) === lineFeed ? output.subarray(0, -1) : output;
  }

  kill(): void {
    this.#runner.kill('SIGTERM');
    setTimeout(() => this.#runner.kill('SIGKILL'), killDelay).unref();
  }

  async ended(): Promise<void> {
    await this.#runner.ended();
  }
}
