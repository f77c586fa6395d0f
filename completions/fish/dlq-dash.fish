# Written from the tables of options in src/programs.rs by 'DLQ_BLESS=1 scripts/test completions'.

complete -c dlq-dash -f
complete -c dlq-dash -l once -d 'print a view as plain text, and end'
complete -c dlq-dash -l view -x -a 'overview analytics investigations incidents' -d 'begin with this view'
complete -c dlq-dash -l width -x -d 'with --once: the columns, 100 by default'
complete -c dlq-dash -l replay -r -F -d 'play recorded events; with --once, all of them at once'
complete -c dlq-dash -l speed -x -d 'play N times as fast as it was'
complete -c dlq-dash -l write -d 'allow the keys that act: i, x, a, z, R; each asks first'
complete -c dlq-dash -l ascii -d 'draw with ASCII characters only'
complete -c dlq-dash -l emoji -d 'draw with emoji, each two cells wide'
complete -c dlq-dash -l color -x -a 'auto always never' -d 'colour the output: auto, always or never'
complete -c dlq-dash -l config -r -F -d 'read this configuration'
complete -c dlq-dash -l log-format -x -a 'text json' -d 'write messages on standard error as text or json'
complete -c dlq-dash -l log-file -r -F -d 'also write messages to this file'
complete -c dlq-dash -l schema -d 'print the JSON Schema of the program\'s events'
complete -c dlq-dash -s v -l verbose -d 'report progress on standard error'
complete -c dlq-dash -s h -l help -d 'print this'
complete -c dlq-dash -l version -d 'print the version'
