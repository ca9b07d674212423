# Completion of bash for srcproxy(8).

_srcproxy()
{
	local options='--replace -p --pidfile -s --syslog -t --test -u --user -h --help -V --version'
	local commands='client server rules doctor status' words=() i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-p | --pidfile | -u | --user) i=$((i + 1)) ;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	if [[ ${words[0]-} == rules ]]; then
		options='--iptables --simple --output --count --remove'
		commands='client server'
		words=("${words[@]:1}")
	elif [[ ${words[0]-} == doctor ]]; then
		options='-u --user --json'
		commands='client server'
		words=("${words[@]:1}")
	elif [[ ${words[0]-} == status ]]; then
		options='--json --connections --metrics --watch'
		commands='client server'
		words=("${words[@]:1}")
	fi
	# No reply leaves it to the names of files, see below.
	COMPREPLY=()
	case $3 in
	-p | --pidfile)
		return
		;;
	-u | --user)
		mapfile -t COMPREPLY < <(compgen -u -- "$2")
		return
		;;
	esac
	if [[ $2 == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$2")
	elif [[ ${#words[@]} -eq 0 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$2")
	fi
}

complete -o default -F _srcproxy srcproxy
