"""What every process agrees on: amounts, instruments, orders, executions and errors."""
