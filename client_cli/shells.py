"""What bash, zsh and fish ask after a key was pressed, and how each of them is answered.

A shell's script sends the line up to the cursor in `_YOUKU_LINE` and gets a line for each candidate: its kind (`plain`,
`file` or `dir`: the shell knows its files best), its value and, if there is one, a description, with tabs between.
Candidates are what is meant; to quote them is the shell's business.
"""

from __future__ import annotations

import os
from typing import Final

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, split_arg_string

from client_cli import text

LINE_VARIABLE: Final = "_YOUKU_LINE"

BASH: Final = r"""
# readline holds a part of the word: what follows its last break, such as a colon or a quotation mark
%(complete_func)s() {
    local kind value description word held=${COMP_WORDS[COMP_CWORD]}
    [[ $held == [:=] ]] && held=
    COMPREPLY=()
    while IFS=$'\t' read -r kind value description; do
        case $kind in
            word) word=$value ;;
            file) compopt -o default ;;
            dir) compopt -o dirnames ;;
            plain)
                case $word in
                    [\"\']*) ;;
                    *) printf -v value %%q "$value" ;;
                esac
                COMPREPLY+=("${value#"${word%%"$held"}"}")
                ;;
        esac
    done < <(%(complete_var)s=bash_complete _YOUKU_LINE=${COMP_LINE:0:COMP_POINT} %(prog_name)s 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

ZSH: Final = r"""#compdef %(prog_name)s
%(complete_func)s() {
    local line kind value description
    local -a values shown
    for line in "${(@f)$(%(complete_var)s=zsh_complete \
            _YOUKU_LINE="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" %(prog_name)s 2>/dev/null)}"; do
        IFS=$'\t' read -r kind value description <<< "$line"
        case $kind in
            file) _files ;;
            dir) _files -/ ;;
            plain)
                values+=("$value")
                shown+=("$value${description:+  -- $description}")
                ;;
        esac
    done
    (( $#values )) && compadd -U -l -V youku -d shown -a values
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

FISH: Final = r"""
function %(complete_func)s
    for line in (env %(complete_var)s=fish_complete _YOUKU_LINE=(commandline -cp | string collect) \
            %(prog_name)s 2>/dev/null)
        set -l parts (string split -m 2 \t -- $line)
        switch $parts[1]
            case file
                __fish_complete_path (commandline -ct)
            case dir
                __fish_complete_directories (commandline -ct)
            case plain
                string join \t -- $parts[2..-1]
        end
    end
end
complete --command %(prog_name)s --no-files --keep-order --arguments '(%(complete_func)s)'
"""


class Shell(ShellComplete):
    """What the three have in common."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is being typed, and that one, unquoted."""
        *words, last = split_arg_string(f"{os.environ.get(LINE_VARIABLE, '')}x")
        return words[1:], last[:-1]

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """What click offers for `--option=va` is the value alone; the shell replaces the whole word."""
        items = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("--"):
            return [CompletionItem(f"{option}={item.value}", item.type, item.help) for item in items]
        return items

    def format_completion(self, item: CompletionItem) -> str:
        parts = [item.type, item.value, *([item.help] if item.help else [])]
        return "\t".join(text.visible(str(part)) for part in parts)


class Bash(Shell):
    """Is told too how the word stands on the line, to leave in place what readline does not hold."""

    name = "bash"
    source_template = BASH.lstrip()

    def complete(self) -> str:
        """The word, then the candidates."""
        return f"word\t{typed_word(os.environ.get(LINE_VARIABLE, ''))}\n{super().complete()}"


class Zsh(Shell):
    """See the module."""

    name = "zsh"
    source_template = ZSH


class Fish(Shell):
    """See the module."""

    name = "fish"
    source_template = FISH.lstrip()


def register() -> None:
    """Let click use these."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)


def typed_word(line: str) -> str:
    """The last word of an unfinished line, as it stands there: with its quotation marks and backslashes."""
    start, quote, is_escaped = 0, "", False
    for place, mark in enumerate(line):
        if is_escaped:
            is_escaped = False
        elif mark == "\\" and quote != "'":
            is_escaped = True
        elif quote:
            quote = "" if mark == quote else quote
        elif mark in "\"'":
            quote = mark
        elif mark.isspace():
            start = place + 1
    return line[start:]
