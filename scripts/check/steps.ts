/** One line of what `npm test` does. */
export interface Step {
  readonly name: string
  /** What is looked at, for the line printed when it starts. */
  readonly about: string
  /** A tool and its arguments; `node` runs a script of ours. Several run one after the other. */
  readonly commands: readonly (readonly string[])[]
  /** True where the output is shown as it comes; otherwise only if the step fails. */
  readonly live: boolean
  /** A step that must have passed before this one makes sense. */
  readonly needs?: string
  /** After so long it is ended and has failed: nothing here may hang a CI run. */
  readonly limitMinutes: number
  /** The vitest report that says how many tests ran. */
  readonly report?: string
  /** Where the step says which of its suites this machine could not run. */
  readonly notRun?: string
}

/** Every step, in the order in which `npm test` takes them: what fails fast comes first. */
export function steps(cache: string): readonly Step[] {
  return [
    quiet('lint', 'lint, format and import order', ['biome', 'check', '--error-on-warnings', '.']),
    quiet('types', 'types of sources, tests and type tests', ['tsc', '--noEmit', '-p', '.']),
    quiet('unused', 'unused files, exports and dependencies', ['knip']),
    quiet('api', 'every export is documented', ['typedoc', '--emit', 'none']),
    quiet('build', 'the packages, where they changed', ['node', 'scripts/build.ts']),
    {
      ...quiet('package', 'the packed tarballs, as their user gets them', [
        'node',
        'scripts/check-packages.ts',
      ]),
      needs: 'build',
    },
    suite('tidy', 'the rules of this repository', cache),
    suite('unit', 'unit, conformance and property tests', cache),
    suite('docs', 'the code in README and docs', cache),
    integration(cache),
    suite('crash', 'crashes, power loss and failing disks', cache, 45),
    {
      name: 'demo',
      about: 'the demo, whole',
      commands: [['node', '--conditions=source', 'examples/quickstart/src/main.ts']],
      live: true,
      limitMinutes: 5,
    },
  ]
}

function quiet(name: string, about: string, command: readonly string[]): Step {
  return { name, about, commands: [command], live: false, limitMinutes: 10 }
}

/** The suites that run against real servers, which are started and stopped around them. */
function integration(cache: string): Step {
  const report = `${cache}/vitest-integration.json`
  const notRun = `${cache}/not-run.json`
  return {
    name: 'integration',
    about: 'suites against real servers',
    commands: [['node', 'scripts/integration.ts', '--report', report, '--not-run', notRun]],
    live: true,
    limitMinutes: 25,
    report,
    notRun,
  }
}

/** A vitest project by the same name. */
function suite(name: string, about: string, cache: string, limitMinutes = 15): Step {
  const report = `${cache}/vitest-${name}.json`
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const command = ['vitest', 'run', '--project', name, ...reporters]
  return { name, about, commands: [command], live: true, limitMinutes, report }
}
