# alloc: 8 instructions, budget 8
# rustc 1.95.0
 0  mov rcx,0xffffffffffffffe0
 1  mov rcx,QWORD PTR fs:[rcx]
 2  mov rdx,QWORD PTR [rcx+0x20]
 3  mov rax,QWORD PTR [rdx-0x8]
 4  test rax,rax
 5  je <off the path>
 6  add rdx,0xfffffffffffffff8
 7  mov QWORD PTR [rcx+0x20],rdx
 8  ret
