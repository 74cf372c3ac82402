/** What profiles are, for the manual of tmq and `tmq help profiles`. */

import type {ManualSection} from '../../cli/command.ts';

export const profileSections: readonly ManualSection[] = [
  {
    title: 'Profiles',
    text: [
      'A profile is an options file with a name, in $XDG_CONFIG_HOME/tmq/profiles or ~/.config/tmq/profiles; on Windows without XDG_CONFIG_HOME, in %APPDATA%\\tmq\\profiles. It is for tmq pub, sub, rr and reply alike: each passes over the options that only the others have. An option that none of them has is an error with file and line. The form of the lines is that of options files, such as -h a.example.com on one and -u alice on the next: see tmq-formats(5).',
      '--profile names the profile of a run, and TMQ_PROFILE that of all runs without this option; a program that was started under a mosquitto name does not read TMQ_PROFILE. The order is: environment variables such as MQTT_URL, the usual options file or that of -o, the profile, the command line. The later one wins.',
      'A password is better kept in a file or a command than in the profile (--pw-file). A profile that holds one, and that every user can read, gives a warning: chmod o= FILE ends that.',
      'tmq profile ls lists the profiles, show prints one without its secrets, and check tries to connect. Shell completion offers the profiles after --profile, and their hosts after -h.',
    ],
    literal: ['tmq profile check prod'],
  },
];
