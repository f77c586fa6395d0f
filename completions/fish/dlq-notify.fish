# Written from the tables of options in src/programs.rs by 'DLQ_BLESS=1 scripts/test completions'.

complete -c dlq-notify -f
complete -c dlq-notify -s n -l dry-run -d 'notify on the console only, and record nothing'
complete -c dlq-notify -l json -d 'print the lines also when standard output is a terminal'
complete -c dlq-notify -l plain -d 'one line a notice on a terminal, too'
complete -c dlq-notify -l symbols -d 'a symbol before each severity on a terminal'
complete -c dlq-notify -l color -x -a 'auto always never' -d 'colour the output: auto, always or never'
complete -c dlq-notify -l drain -x -d 'deliver for so long after the end of input'
complete -c dlq-notify -l explain -x -d 'print what decided about an event, by its id'
complete -c dlq-notify -l check-heartbeat -d 'notify when rounds are missing; read no input'
complete -c dlq-notify -l test-channel -x -d 'send one test notice through this channel, and end'
complete -c dlq-notify -l config -r -F -d 'read this configuration'
complete -c dlq-notify -l log-format -x -a 'text json' -d 'write messages on standard error as text or json'
complete -c dlq-notify -l log-file -r -F -d 'also write messages to this file'
complete -c dlq-notify -l schema -d 'print the JSON Schema of the program\'s events'
complete -c dlq-notify -s v -l verbose -d 'report progress on standard error'
complete -c dlq-notify -s h -l help -d 'print this'
complete -c dlq-notify -l version -d 'print the version'
