/** Where the options that pub, sub and rr share are deliberately unlike mosquitto's; for their manual pages. */

export const clientDifferences: readonly string[] = [
  '--help and --version end with 0. -d writes to standard error, so that standard output has only messages.',
  'A value may be attached to its option (-q1, --qos=1), and short options without a value may be joined (-dr).',
  'Numbers are checked: -q 1x and -p abc are errors. A word that is not valid UTF-8 is an error, too.',
  '-P - asks for the password; --pw-file and --pw-env take it from elsewhere. A password never stands in a message, and not in the list of processes.',
  '--insecure verifies nothing at all. A certificate given by --cert is presented whatever the server is verified with. --tls-version is read in any case. --no-tls also brings back port 1883. A TLS failure always has the status 8.',
  "-L takes an IPv6 address in brackets, and percent-encoded characters in user and password; '@' may stand in a password.",
  '-S is always there, --proxy also takes http://, and there is a time limit for connecting.',
  'An options file named by -o has to exist. Errors in one name file and line, -D works there, and lines may have any length.',
  'Properties (-D) are checked when they are given, not when the packet is made: a bad one is always an error, never a subscription that is not made. User properties of one packet stand together, where the first of them was given.',
  'An error is one line with its cause; a usage error also points to --help. Packets that break the rules of MQTT end the run with 2, and the refusal of a broker that is older than MQTT 5 keeps its code.',
];
