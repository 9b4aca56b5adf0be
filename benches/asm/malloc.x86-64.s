# malloc: 15 instructions, budget 16
# rustc 1.95.0
 0  lea rax,[rdi-0x1]
 1  cmp rax,0x3ff
 2  ja <off the path>
 3  shr rax,0x4
 4  lea rcx,[rip+<..>]
 5  movzx ecx,WORD PTR [rcx+rax*2]
 6  mov rdx,QWORD PTR [rip+<..>]
 7  mov rdx,QWORD PTR fs:[rdx]
 8  mov rsi,QWORD PTR [rdx+rcx*1]
 9  mov rax,QWORD PTR [rsi-0x8]
10  test rax,rax
11  je <off the path>
12  add rsi,0xfffffffffffffff8
13  mov QWORD PTR [rdx+rcx*1],rsi
14  ret
