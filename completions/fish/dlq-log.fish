# Written from the tables of options in src/programs.rs by 'DLQ_BLESS=1 scripts/test completions'.

complete -c dlq-log -f
complete -c dlq-log -s f -l follow -d 'print what is added, until the reader closes the pipe'
complete -c dlq-log -l since -x -d 'only events of the last 30m, 1h or 7d'
complete -c dlq-log -l type -x -d 'only events of such a type: \'queue.*\''
complete -c dlq-log -l queue -x -d 'only events about such a queue'
complete -c dlq-log -l incident -x -d 'only events of this incident, by 8 or more characters'
complete -c dlq-log -l json -d 'print the lines also when standard output is a terminal'
complete -c dlq-log -l color -x -a 'auto always never' -d 'colour the output: auto, always or never'
complete -c dlq-log -l config -r -F -d 'read this configuration'
complete -c dlq-log -l log-format -x -a 'text json' -d 'write messages on standard error as text or json'
complete -c dlq-log -l log-file -r -F -d 'also write messages to this file'
complete -c dlq-log -l schema -d 'print the JSON Schema of the program\'s events'
complete -c dlq-log -s v -l verbose -d 'report progress on standard error'
complete -c dlq-log -s h -l help -d 'print this'
complete -c dlq-log -l version -d 'print the version'
