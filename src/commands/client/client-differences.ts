/** Where the options that pub, sub and rr share are deliberately unlike mosquitto's; for their manual pages. */

export const clientDifferences: readonly string[] = [
  '--help and --version end with 0. -d writes to standard error, so that standard output has only messages.',
  'A value may be attached to its option (-q1, --qos=1), and short options without a value may be joined (-dr).',
  'Numbers are checked: -q 1x and -p abc are errors. An argument that is not valid UTF-8 is an error, too.',
  '-P - asks for the password; --pw-file and --pw-env read it from a file or a variable. tmq shows a password neither in messages nor in the list of processes.',
  '--insecure verifies nothing at all. The certificate of --cert is sent with every way to verify the server. --tls-version may be in capital letters. --no-tls also brings back port 1883. A TLS failure always has the status 8.',
  "-L takes an IPv6 address in brackets, and percent-encoded characters in user and password; '@' may stand in a password.",
  'Pauses before connecting again grow from one second to 30, except under a mosquitto name. A broker that is busy or starting does not end a session that was accepted before. -h and -L take several hosts; a port may stand behind a host.',
  '-S is always there, --proxy also takes http://, and there is a time limit for connecting.',
  'An options file named by -o has to exist. Errors in one name file and line, -D works there, and lines may have any length.',
  'Properties (-D) are checked before tmq connects: an invalid one is always an error. The user properties of a packet are sent together, at the place of the first one.',
  'An error is one line with its cause; a usage error also points to --help. If the broker violates the MQTT specification, the status is 2. If it refuses a connection of MQTT 3.1 or 3.1.1, the status is its return code.',
];
