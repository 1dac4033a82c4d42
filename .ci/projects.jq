# The table of .ci/projects, in Markdown: a row for each project of the list, whatever became of it.
# A result with "earlier" comes from another run, and is marked.
#   jq -nr --slurpfile all all.jsonl --slurpfile results results.jsonl --arg folder DIR -f projects.jq
def mb: if . == null then "" else (. / 1e6 | round | tostring) + " MB" end;
def percent: if . == null then "" else ((. * 1000 | round) / 10 | tostring) + " %" end;
def mean: if length == 0 then 0 else add / length end;
def capital: .[0:1] | ascii_upcase;
def short: gsub("/[^ :`]*/buildkit-mount[0-9]+/"; "") | gsub($folder + "/[^ :]*/"; "") | gsub("[\n\r|]+"; " ") | gsub("\\s+"; " ") | if length > 150 then .[0:147] + "..." else . end;
# What a failed build lacked, where the end of its output says it; else that end, with the step.
def lacked: [
    ["apk: not found", "Alpine's packages"], ["proxy.golang.org", "Go's module proxy"],
    ["repo.maven.apache.org|repo1.maven.org", "Maven Central"], ["gradle.org", "Gradle"], ["nuget", "NuGet"],
    ["rubygems.org", "RubyGems"], ["packagist|getcomposer", "Packagist"], ["cpan|cpanm", "CPAN"],
    ["lookup github.com|resolve host(name)?:? *.{0,40}github.com|github.com.*(fail|unable|resolve|connect)", "github.com"],
    ["published wheels available|_sort_key\\(package, link\\)", "PyPI's lists in JSON, which poetry reads"]
  ] as $known | . as $text | [$known[] | select(. as [$sign, $_] | $text | test($sign; "i")) | .[1]] | first;
def cause: (lacked // null) as $lacked
  | if test("(manifest|repository|pull access|no such image|does not exist or no pull|cannot be had|failed to resolve)"; "i") and (test("failed: exit code") | not)
    then "its base image has no stand-in"
    elif $lacked then "not reached: " + $lacked
    elif test("failed: exit code") then
      (match("`([^`]*)`").captures[0].string | if length > 40 then .[0:37] + "..." else . end) as $step
      | "`" + $step + "`: " + sub(".*failed: exit code [0-9]+:? *"; "")
    else . end;
def worth: (.before.unpacked_bytes - .after.unpacked_bytes) as $gain
  | $gain >= 1e7 and $gain >= .before.unpacked_bytes / 10;
def left: .plan.verdict["left-alone"]? // null;

($results | map({(.project): .}) | add // {}) as $of
| [$all[] | . as $p | ($of[.name] // {}) as $r
  | (.language | test("^(node|python|ruby|php|perl)")) as $interpreted
  | ($r.candidates // [] | last) as $taken
  | ($p | left) as $left
  | {
      name, language, base, mark: (if $r.earlier then " †" else "" end),
      group: (if $interpreted then "interpreted" else "compiled" end),
      small: (.base | test("slim|alpine|distroless|scratch")),
      link: (if (.repository // "") == "" then .name else
        "[\(.repository)](https://github.com/\(.repository))" + (if .path != "." then " \(.path)" else "" end) end),
      level: ($taken.level // ""), fix: (if $taken == null then "" elif $left then "left"
        elif ($r.candidates | length) > 1 then "proof" else $taken.applicability end),
      before: $r.before.unpacked_bytes, after: $r.after.unpacked_bytes, saved: $r.reduction,
      verdict: (
        if $p.plan == null then "not there"
        elif $r == {} and $left then "left alone, not built"
        elif $r == {} then "not tried"
        elif $r.error then "failed"
        elif $r.verdict == "original-fails" then "does not build here"
        elif $r.verdict == "broken" then "DIFFERS"
        elif $r.verdict == "smaller" and ($r | worth) then "smaller, same"
        elif $r.verdict == "smaller" or $r.verdict == "not-smaller" then "minimal"
        elif $left then "left alone" else "not verified" end),
      why: (if $p.plan == null then "could not be fetched"
        elif $r.error then $r.error
        elif $r.verdict == "original-fails" then ($r.reason | cause)
        elif $r.verdict == "broken" then $r.reason
        elif $left then ($left | map(.says) | join("; "))
        elif ($r.candidates // [] | length) > 1 then "the first try fell: " + $r.candidates[0].why
        elif $r.weak and $r.verdict == "smaller" then "ends at once with an error, before and after"
        else "" end | short)
    }] as $rows
| def count($group; $verdict): [$rows[] | select(.group == $group and .verdict == $verdict)] | length;
  (["compiled", "interpreted"][] as $group
    | ([$rows[] | select(.group == $group)]) as $mine
    | "\n### \($group | capital)\($group[1:])\n",
      "| project | stack | base | level | fix | before | after | saved | verdict | why |",
      "|---|---|---|---|---|---:|---:|---:|---|---|",
      ($mine | sort_by({"smaller, same": 0, "minimal": 1, "DIFFERS": 2, "left alone": 3, "left alone, not built": 3.5, "not verified": 4, "failed": 5, "does not build here": 6, "not tried": 7, "not there": 8}[.verdict])[]
        | "| \(.link) | \(.language) | `\(.base)` | \(.level) | \(.fix) | \(.before | mb) | \(.after | mb) | \(.saved | percent) | \(.verdict)\(.mark) | \(.why) |")),
  "\n### Counts\n",
  "| | compiled | interpreted |", "|---|---:|---:|",
  "| projects | \([$rows[] | select(.group == "compiled")] | length) | \([$rows[] | select(.group == "interpreted")] | length) |",
  ("smaller, same", "minimal", "DIFFERS", "left alone", "left alone, not built", "not verified", "failed", "does not build here", "not tried", "not there"
    | . as $verdict | select(count("compiled"; .) + count("interpreted"; .) > 0)
    | "| \($verdict) | \(count("compiled"; $verdict)) | \(count("interpreted"; $verdict)) |"),
  ("\n" + (["compiled", "interpreted"] | map(. as $group
    | [$rows[] | select(.group == $group and .verdict == "smaller, same")] as $smaller
    | "\($group): \($smaller | length) smaller, \([$smaller[] | select(.fix == "safe")] | length) of them by plain `--fix`; mean "
      + "\([$smaller[].saved] | mean | percent) (full base \([$smaller[] | select(.small | not).saved] | mean | percent) of \([$smaller[] | select(.small | not)] | length), "
      + "slim or alpine \([$smaller[] | select(.small).saved] | mean | percent) of \([$smaller[] | select(.small)] | length))") | join("; ")) + ".")
