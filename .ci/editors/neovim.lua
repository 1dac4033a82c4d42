-- Drives `mbopt lsp` with a real Neovim, without a screen, as a user would; ends with 1 where something
-- is not as it should be. Works from Neovim 0.7 on.
--   MBOPT=PROGRAM nvim --headless -u NONE -c 'luafile neovim.lua'

local text = {
  'FROM debian:12 AS build',
  'RUN echo 😀 && apt-get update && apt-get install curl',
  'FROM debian:12-slim',
  'COPY --from=build /usr/bin/curl /usr/bin/',
  'CMD curl --help',
}
local folder = vim.fn.tempname()
vim.fn.mkdir(folder)
vim.fn.writefile(text, folder .. '/Dockerfile')
local failed = false

local function check(what, holds, seen)
  print((holds and 'ok      ' or 'FAILED  ') .. what .. (holds and '' or ': ' .. vim.inspect(seen)) .. '\n')
  failed = failed or not holds
end

local function run()
  vim.cmd('edit ' .. folder .. '/Dockerfile')
  local client = vim.lsp.start_client({ name = 'mbopt', cmd = { vim.env.MBOPT, 'lsp' }, root_dir = folder })
  vim.lsp.buf_attach_client(0, client)

  local function ask(method, params)
    params.textDocument = vim.lsp.util.make_text_document_params()
    local answers = vim.lsp.buf_request_sync(0, method, params, 10000) or {}
    return (answers[client] or {}).result
  end
  -- The finding of a rule, once it is there.
  local function finding(rule)
    local found
    vim.wait(10000, function()
      for _, known in ipairs(vim.diagnostic.get(0)) do
        if known.code == rule or vim.tbl_get(known, 'user_data', 'lsp', 'code') == rule then found = known end
      end
      return found ~= nil
    end, 20)
    return found
  end
  local line = function(number) return vim.fn.getline(number) end

  local yes = finding('apt-assume-yes')
  check('a finding is shown', yes ~= nil, vim.diagnostic.get(0))
  -- Neovim counts bytes, the protocol UTF-16: the emoji stands between.
  local word = yes and text[2]:sub(yes.col + 1, yes.end_col)
  check('it underlines the words, behind an emoji too', word == 'install' or word == 'apt-get install', word)

  local place = { line = 1, character = 0 }
  local offered = ask('textDocument/codeAction', {
    range = { start = place, ['end'] = place },
    context = { diagnostics = vim.lsp.diagnostic.get_line_diagnostics(0, 1) },
  }) or {}
  for _, action in ipairs(offered) do
    if action.title == 'add `-y`' then vim.lsp.util.apply_workspace_edit(action.edit, 'utf-16') end
  end
  check('a quick fix mends the line', line(2):find('install -y curl', 1, true) ~= nil, { line(2), offered })

  local hover = ask('textDocument/hover', { position = { line = 4, character = 1 } })
  check('hovering tells about the rule', hover ~= nil and hover.contents.value:find('shell%-form%-command') ~= nil, hover)

  local stage = { line = 0, character = 18 }
  local renaming = ask('textDocument/rename', { position = stage, newName = 'builder' })
  if renaming then vim.lsp.util.apply_workspace_edit(renaming, 'utf-16') end
  check('a stage is renamed where it is named and used',
    line(1) == 'FROM debian:12 AS builder' and line(4) == 'COPY --from=builder /usr/bin/curl /usr/bin/', { line(1), line(4) })

  local defined = ask('textDocument/definition', { position = { line = 3, character = 14 } })
  local first = defined and (defined[1] or defined)
  check('a use leads to its stage', first ~= nil and (first.range or first.targetRange).start.line == 0, defined)

  local completed = ask('textDocument/completion', { position = { line = 3, character = 12 } }) or {}
  local names = vim.tbl_map(function(item) return item.label end, completed.items or completed)
  check('names of stages are completed', vim.tbl_contains(names, 'builder'), names)

  vim.api.nvim_buf_set_lines(0, 4, 5, false, { 'RUN sudo true', 'CMD ["curl", "--help"]' })
  check('what is typed is looked at', finding('sudo-in-build') ~= nil, vim.diagnostic.get(0))
end

local ok, problem = pcall(run)
check('the session ends well', ok, problem)
vim.cmd(failed and 'cquit 1' or 'qall!')
