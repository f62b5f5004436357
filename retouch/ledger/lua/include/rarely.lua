-- Functions that most runs of a script do not need. A run makes each of its functions anew, which costs more than most of them do: so
-- these are made when the first of them is asked for. `make` is called with the table that it is to put them into.
local function rarely(make)
  local function all(of, name)
    setmetatable(of, nil)
    make(of)
    return of[name]
  end
  return setmetatable({}, { __index = all })
end
