import { execFile } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Snippet, snippets } from './snippets.ts'

const root = dirname(dirname(import.meta.dirname))
const generated = join(import.meta.dirname, '.generated')

const all = globSync(['*.md', 'docs/**/*.md', '{packages,examples}/*/*.md', 'bench/*.md'], {
  cwd: root,
  exclude: ['docs/api', 'packages/*/CHANGELOG.md'],
})
  .sort()
  .flatMap((page) => snippets(page, readFileSync(join(root, page), 'utf8')))

beforeAll(() => {
  rmSync(generated, { recursive: true, force: true })
  mkdirSync(generated, { recursive: true })
  for (const snippet of all) writeFileSync(fileOf(snippet), snippet.code)
})

afterAll(() => rmSync(generated, { recursive: true, force: true }))

describe('code on the pages', () => {
  test('parses', () => {
    const wrong = all.flatMap((snippet) => {
      const { diagnostics = [] } = ts.transpileModule(snippet.code, {
        reportDiagnostics: true,
        compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.NodeNext },
      })
      return diagnostics.map((diagnostic) => `${snippet.page}: ${message(diagnostic)}`)
    })
    expect(wrong).toEqual([])
  })

  test('has the types it claims', () => {
    const checked = all.filter((snippet) => snippet.mode !== 'sketch')
    const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile)
    const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
    // Pages show values that they do not use.
    const relaxed = { ...options, noUnusedLocals: false, noUnusedParameters: false }
    const pages = new Map(checked.map((snippet) => [fileOf(snippet), snippet.page]))
    const program = ts.createProgram([...pages.keys()], relaxed)
    const wrong = [...pages].flatMap(([file, page]) => {
      const source = program.getSourceFile(file)
      return ts.getPreEmitDiagnostics(program, source).map((diagnostic) => {
        const line = source?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? 0
        return `${page}:${line + 1}: ${message(diagnostic)}`
      })
    })
    expect(wrong).toEqual([])
  })

  const runnable = all.filter((snippet) => snippet.mode === 'run')
  test.each(runnable.map((snippet) => [`${snippet.page}:${snippet.line}`, snippet] as const))(
    '%s runs',
    async (_, snippet) => {
      const stdout = await run(fileOf(snippet))
      if (snippet.output !== undefined) expect(stdout.trim()).toBe(snippet.output.trim())
    },
  )
})

/** Runs a snippet in an empty directory of its own, and returns what it printed. */
async function run(file: string): Promise<string> {
  const cwd = mkdtempSync(join(tmpdir(), 'daybook-docs-'))
  try {
    const args = ['--conditions=source', file]
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, timeout: 30_000 })
    return stdout
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

function fileOf({ page, line }: Snippet): string {
  return join(generated, `${page.replaceAll(/[^\w]+/g, '-')}-${line}.ts`)
}

function message(diagnostic: ts.Diagnostic): string {
  return ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')
}
