/** Examples of tmq-testing(7) for shells and for services that run tests. The tests run these very texts. */

import type {ManualSection} from '../../cli/command.ts';

export const shellScript = `#!/bin/sh
set -eu
eval "$(tmq broker -p 0 --ready env &)"
trap "kill \${MQTT_BROKER_PID:?}" EXIT

tmq pub -t home/lamp -r -m on
test "$(tmq sub -t home/lamp -C 1 -W 5)" = on`;

export const readyFileScript = `#!/bin/sh
set -eu
npx tmq broker -p 0 --ready env --ready-file broker.env &
while [ ! -e broker.env ]; do kill -0 $! || exit 1; sleep 0.1; done
. ./broker.env
trap "kill \${MQTT_BROKER_PID:?}" EXIT

npx tmq pub -t home/lamp -q 1 -m on`;

export const scriptSection: ManualSection = {
  title: 'Scripts',
  text: [
    'tmq broker --exec runs a command with a broker of its own on a free port, and ends with the exit status of the command. Its address is in MQTT_URL, where the clients of tmq find it, and in MQTT_HOST and MQTT_PORT. Runs at the same time do not disturb each other. This suits every test runner.',
  ],
  literal: ['tmq broker --exec -- ./test.sh'],
  parts: [
    {
      title: 'sh, bash and zsh',
      text: [
        'A script that starts a broker itself. eval waits until clients can connect, and then has the address in exported variables. If the broker does not start, the script ends at the line that begins with trap.',
      ],
      literal: shellScript.split('\n'),
    },
    {
      title: 'With npx',
      text: [
        'A program between the shell and the broker, such as npx, would hold up eval until the broker ends. The file of --ready-file takes its place: it is there while clients can connect. The loop ends with the script if the broker does not start.',
      ],
      literal: readyFileScript.split('\n'),
    },
  ],
};

export const workflow = `name: test
on: [push]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - uses: actions/setup-node@v5
        with:
          node-version: 22
      - run: npm ci
      - run: npx tmq broker --exec -- npm test`;

export const composeFile = `services:
  broker:
    build:
      dockerfile_inline: |
        FROM node:22-alpine
        RUN npm install --global tmq
    command: tmq broker --bind 0.0.0.0 --allow-anonymous
    healthcheck:
      test: tmq sub -E -t health
      interval: 2s
  tests:
    build: .
    command: npm test
    environment:
      MQTT_URL: mqtt://broker:1883
    depends_on:
      broker:
        condition: service_healthy`;

export const serviceSection: ManualSection = {
  title: 'Services',
  text: [],
  parts: [
    {
      title: 'GitHub Actions',
      text: [
        'A workflow for a project that has tmq in its devDependencies. In other projects, npx --yes tmq fetches it. The last line may run any command, such as pytest.',
      ],
      literal: workflow.split('\n'),
    },
    {
      title: 'Docker Compose',
      text: [
        'The tests start when the broker accepts clients, and find its address in MQTT_URL. docker compose run tests runs them. Only the services of this file can reach the broker, so it may accept every client.',
      ],
      literal: composeFile.split('\n'),
    },
  ],
};
