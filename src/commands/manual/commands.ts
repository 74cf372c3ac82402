/** The manual's section on `sub --exec`: what the command gets, and what is acknowledged when. */

import type {ManualSection} from '../../cli/command.ts';

export const execSection: ManualSection = {
  title: 'A command for each message',
  text: [
    'With --exec, tmq runs the command after -- for each message, with its words as they are: no shell changes them. The payload is its standard input. Its standard output and standard error are those of tmq; with --jobs, whole outputs and whole lines. The rest of the message is in its environment, in the variables below.',
    'One of several workers that share a queue of jobs:',
  ],
  remarks: {
    'MQTT_TOPIC, MQTT_QOS, MQTT_RETAIN': 'Always. MQTT_RETAIN is 1 for a retained message, and 0 otherwise.',
    'MQTT_CONTENT_TYPE, MQTT_RESPONSE_TOPIC, MQTT_CORRELATION_DATA':
      'The properties of MQTT 5, where the message has them. The correlation data is in base64, for it may hold any byte.',
    MQTT_USER_NAME:
      'For each user property: its name in capitals, with _ in place of what is neither a letter nor a digit, so that trace-id is in MQTT_USER_TRACE_ID. If several have one name, each value has a line.',
    'MQTT_URL, MQTT_CA_FILE':
      'The broker, for tmq pub in the command. User and password are not added: MQTT_USERNAME and MQTT_PASSWORD are passed on where tmq itself has them.',
    'An acknowledgement':
      'tmq acknowledges a message of QoS 1 or 2 when its command has succeeded, and those before it have been acknowledged. It has at most two messages for each job at a time, or as many as -D connect receive-maximum says; the others stay with the broker, or before MQTT 5 unread on the connection.',
    'At least once':
      'If tmq is killed, the commands that run go on, and the broker sends their messages again to the next tmq with the same client id (-c, -i). When only the connection is lost, commands go on, and a message that comes again while its command runs, or has just succeeded, is recognised and not run twice. A command should do no harm when it gets a message twice.',
    Signals:
      'SIGINT, SIGTERM and a time limit (-W) let the commands that run finish, acknowledge their messages, and start no other one. The commands have process groups of their own, so Ctrl-C does not reach them. A second signal ends them with SIGTERM, after five seconds with SIGKILL, and tmq with 130 or 143. A message whose command has failed then is not acknowledged.',
    'A work queue':
      'With a shared subscription ($share/NAME/FILTER), the broker gives each message to one of several workers, each with a client id of its own. What a worker leaves unacknowledged, the broker sends again when the worker comes back. Most brokers keep it for that one worker: do not take a worker away for good before its session is empty.',
  },
  literal: [
    "tmq sub -V 5 -q 1 -c -i worker-1 -t '$share/work/jobs/#' --on-failure retry:3 --exec --jobs 4 -- ./job.sh",
  ],
};
