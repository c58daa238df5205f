import type { Command } from "../util/command.ts";
import { textOf } from "../util/options.ts";
import { choice, type DataOf, object, text } from "../util/shape.ts";

const shells = ["bash", "zsh", "fish"] as const;

const bash = `# Completion of vdi for bash: vdi completion bash
_vdi() {
  local line current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :directories) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
      :files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _vdi vdi
`;

const zsh = `#compdef vdi
# Completion of vdi for zsh: vdi completion zsh
_vdi() {
  local line
  local -a described
  for line in "\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :directories) _files -/; return ;;
      :files) _files; return ;;
      *) described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  _describe -t vdi 'vdi' described
}
if [ "\${funcstack[1]}" = _vdi ]; then _vdi "$@"; else compdef _vdi vdi; fi
`;

const fish = `# Completion of vdi for fish: vdi completion fish
function __vdi_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case :directories
                __fish_complete_directories "$current" ''
            case :files
                __fish_complete_path "$current"
            case '*'
                echo $line
        end
    end
end
complete -c vdi -f -a '(__vdi_complete)'
`;

const scripts = { bash, zsh, fish };

const shape = object({ shell: choice(shells, "the shell"), script: text("what the shell has to read") });

/** What `vdi completion` gives. */
export type CompletionScript = DataOf<typeof shape>;

/** `vdi completion`: what a shell needs to complete the words of a command line. */
export const completion: Command<CompletionScript> = {
  path: ["completion"],
  summary: "print what a shell needs to complete command lines",
  description:
    "Completes commands, options and their values, variables, users, sessions, images and contexts. Names that only the cluster knows are asked for with a deadline of a second and a half.",
  args: [{ name: "shell", description: "the shell", required: true, choices: shells }],
  examples: [
    { line: "source <(vdi completion bash)", does: "for this shell; in ~/.bashrc: for all that follow" },
    { line: "vdi completion zsh > /usr/local/share/zsh/site-functions/_vdi", does: "for zsh, with compinit in ~/.zshrc" },
    { line: "vdi completion fish > ~/.config/fish/completions/vdi.fish", does: "for fish" },
  ],

  shape,

  async run(_, input) {
    const shell = (textOf(input, "shell") ?? "bash") as keyof typeof scripts;
    return { shell, script: scripts[shell] };
  },

  human: (data) => data.script.trimEnd(),
};
