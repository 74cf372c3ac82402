/** Examples of tmq-testing(7) for test runners of other languages. The tests run these very texts. */

import type {ManualSection} from '../../cli/command.ts';

export const pytestFile = `import json
import subprocess

import pytest
from paho.mqtt import publish, subscribe


@pytest.fixture(scope="session")
def broker():
    command = ["tmq", "broker", "-p", "0", "--quiet"]
    command += ["--ready", "json", "--exit-with-stdin"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as tmq:
        ready = json.loads(tmq.stdout.readline())
        yield {"hostname": ready["host"], "port": ready["port"]}


def test_the_lamp_keeps_its_state(broker):
    publish.single("home/lamp", "on", retain=True, **broker)
    state = subscribe.simple("home/lamp", **broker)
    assert state.payload == b"on"`;

export const goFile = `package lamp

import (
    "encoding/json"
    "fmt"
    "os"
    "os/exec"
    "testing"
    "time"

    mqtt "github.com/eclipse/paho.mqtt.golang"
)

func startBroker(t *testing.T) string {
    broker := exec.Command("tmq", "broker", "-p", "0", "--quiet",
        "--ready", "json", "--exit-with-stdin")
    broker.Stderr = os.Stderr
    stdin, _ := broker.StdinPipe()
    stdout, _ := broker.StdoutPipe()
    if err := broker.Start(); err != nil {
        t.Fatal(err)
    }
    t.Cleanup(func() {
        stdin.Close()
        broker.Wait()
    })
    var ready struct {
        Host string
        Port int
    }
    if err := json.NewDecoder(stdout).Decode(&ready); err != nil {
        t.Fatal(err)
    }
    return fmt.Sprintf("tcp://%s:%d", ready.Host, ready.Port)
}

func TestLampTellsItsState(t *testing.T) {
    options := mqtt.NewClientOptions().AddBroker(startBroker(t))
    client := mqtt.NewClient(options)
    connecting := client.Connect()
    if connecting.Wait(); connecting.Error() != nil {
        t.Fatal(connecting.Error())
    }
    defer client.Disconnect(250)
    states := make(chan string, 1)
    receive := func(_ mqtt.Client, message mqtt.Message) {
        states <- string(message.Payload())
    }
    client.Subscribe("home/lamp", 1, receive).Wait()
    client.Publish("home/lamp", 1, false, "on").Wait()
    select {
    case state := <-states:
        if state != "on" {
            t.Error("the lamp is", state)
        }
    case <-time.After(4 * time.Second):
        t.Error("the lamp tells nothing")
    }
}`;

export const languageSection: ManualSection = {
  title: 'Other languages',
  text: [
    'A fixture starts tmq broker with --ready json, which prints one line when clients can connect: see The ready line in tmq-broker(1). With --exit-with-stdin the broker ends when its standard input is closed, and so also when the test runner is killed.',
  ],
  parts: [
    {
      title: 'pytest',
      text: ['One broker for all tests, and the client of Eclipse Paho.'],
      literal: pytestFile.split('\n'),
    },
    {
      title: 'Go',
      text: ['A broker for each test that asks for one, and the client of Eclipse Paho.'],
      literal: goFile.split('\n'),
    },
  ],
};
